import { expect } from 'chai'
import {
  POST_PROOFS,
  PoStProofName,
  postProof,
  postProofByName,
  RegisteredPoStProof,
  RegisteredSealProof,
  RegisteredUpdateProof,
  SEAL_PROOFS,
  SealProofName,
  sealProof,
  sealProofByName,
  sealProofFor,
  sectorSizeLabel,
  UpdateProofName,
  updateProof,
} from '../../../rpc-schema/wire/proof-types.js'
import { golden } from './golden.js'

interface Row {
  niPoRep: boolean
  registeredSealProof: number
  sectorSize: number
  update: number
  windowPoSt: number
  windowPoStPartitionSectors: number
  winningPoSt: number
}

describe('wire/proof-types', () => {
  const rows = golden<Row[]>('registered-proofs.json')

  it('has a row for every proof of the chain', () => {
    expect(SEAL_PROOFS.map(row => row.number)).to.deep.equal(rows.map(row => row.registeredSealProof))
  })

  for (const row of rows) {
    it(`agrees with the chain on seal proof ${row.registeredSealProof}`, () => {
      const type = sealProof(row.registeredSealProof)
      expect({
        niPoRep: type.feature === 'nonInteractive',
        registeredSealProof: type.number,
        sectorSize: type.sectorSize,
        update: type.update,
        windowPoSt: type.windowPoSt,
        windowPoStPartitionSectors: type.windowPoStPartitionSectors,
        winningPoSt: type.winningPoSt,
      }).to.deep.equal(row)
      expect(sealProofByName(type.name)).to.equal(type)
      expect(SealProofName.encode(SealProofName.decode(type.name))).to.equal(type.name)
      expect(postProof(type.winningPoSt)).to.include({ kind: 'winning', sectorSize: type.sectorSize })
      expect(postProof(type.windowPoSt)).to.include({ kind: 'window', sectorSize: type.sectorSize })
      expect(updateProof(type.update).sectorSize).to.equal(type.sectorSize)
    })
  }

  it('names variants as provers do', () => {
    expect([0, 5, 8, 10, 15, 19].map(number => sealProof(number).name)).to.deep.equal([
      'StackedDrg2KiBV1',
      'StackedDrg2KiBV1_1',
      'StackedDrg32GiBV1_1',
      'StackedDrg2KiBV1_1_Feat_SyntheticPoRep',
      'StackedDrg2KiBV1_2_Feat_NonInteractivePoRep',
      'StackedDrg64GiBV1_2_Feat_NonInteractivePoRep',
    ])
    expect(sealProofFor(2048, 'V1_1').number).to.equal(5)
    expect(sealProofFor(2 ** 36, 'V1').number).to.equal(4)
    expect(sectorSizeLabel(2 ** 35)).to.equal('32GiB')
  })

  it('spells PoSt proofs both ways', () => {
    expect(postProof(10)).to.include({ name: 'StackedDrgWindow2KiBV1P1', wireName: 'StackedDrgWindow2KiBV1_2' })
    expect(postProof(8).wireName).to.equal('StackedDrgWindow32GiBV1')
    expect(postProof(3).wireName).to.equal('StackedDrgWinning32GiBV1')
    for (const row of POST_PROOFS) {
      expect(PoStProofName.decode(row.wireName)).to.equal(row.number)
      expect(PoStProofName.encode(row.number)).to.equal(row.wireName)
      expect(postProofByName(row.name)).to.equal(row)
    }
    expect(UpdateProofName.decode('StackedDrg32GiBV1')).to.equal(3)
  })

  it('refuses what it does not know', () => {
    expect(() => sealProof(20)).to.throw(RangeError, 'unknown registered seal proof 20, expected 0–19')
    expect(() => sealProofByName('StackedDrg1TiBV1')).to.throw('unknown seal proof name "StackedDrg1TiBV1"')
    expect(() => sealProofFor(1, 'V1')).to.throw('no seal proof V1 for sectors of 1 bytes')
    expect(() => sectorSizeLabel(1)).to.throw('no sector has 1 bytes')
    expect(RegisteredSealProof.safeDecode(20).error?.issues[0]?.message).to.equal(
      'expected a registered seal proof (0–19)',
    )
    expect(RegisteredPoStProof.safeDecode(15).success).to.equal(false)
    expect(RegisteredUpdateProof.safeDecode(5).success).to.equal(false)
    expect(RegisteredSealProof.safeDecode(-1).success).to.equal(false)
    expect(PoStProofName.safeDecode('x').error?.issues[0]?.message).to.equal('unknown PoSt proof name "x"')
    expect(PoStProofName.safeEncode(15).error?.issues[0]?.message).to.equal(
      'PoSt proof: unknown registered PoSt proof 15, expected 0–14',
    )
  })
})
