import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import { ACTOR_METHODS, type ActorName, actorMethod, METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { BatchReturn, batchExitCodes, batchReturn, batchSize } from '../../../rpc-schema/actors/batch-return.js'
import { SubmitWindowedPoStParams } from '../../../rpc-schema/actors/miner-post.js'
import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import { ProveCommitSectors3Params } from '../../../rpc-schema/actors/miner-prove-commit.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { fromBase64, fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import { commDToCid, commRToCid } from '../../../rpc-schema/wire/cid.js'
import { golden, lotusResult, withoutNil } from '../wire/golden.js'

interface Vector {
  cbor: string
  json: object
  method: number
  name: string
}
const VECTORS = golden<Vector[]>('actor-params.json')

const paramsOf = (method: string | number) => {
  const { params } = actorMethod(method)
  if (params === null) throw new Error(`method ${method} takes no parameters`)
  return params
}

describe('actors: golden parameters', () => {
  for (const { cbor, json, method, name } of VECTORS) {
    const of = name.split('/')[0]!
    it(`${method} ${name}: JSON to CBOR and back`, () => {
      const found = actorMethod(of)
      expect(found.number).to.equal(method)
      expect(actorMethod(method, found.actor)).to.equal(found)
      const params = paramsOf(of)
      expect(toHex(params.encode(z.decode(params.json, json)))).to.equal(cbor)
      expect(withoutNil(z.encode(params.json, params.decode(fromHex(cbor), 't')))).to.deep.equal(withoutNil(json))
    })

    it(`${method} ${name}: refuses it cut short at any byte and with a byte more`, () => {
      const params = paramsOf(of)
      const bytes = fromHex(cbor)
      for (let length = 0; length < bytes.length; length++)
        expect(() => params.decode(bytes.subarray(0, length))).to.throw()
      expect(() => params.decode(Uint8Array.from([...bytes, 0]))).to.throw('not one CBOR value')
    })
  }

  it('covers every vector with a method of its own', () => {
    const covered = new Set(VECTORS.map(vector => actorMethod(vector.name.split('/')[0]!).name))
    expect(covered.size).to.equal(18)
  })
})

describe('actors: messages of a real chain', () => {
  const params = (name: string) => fromBase64(lotusResult<{ Params: string }>(`onboard.ChainGetMessage.${name}`).Params)

  it('reads a pre-commit', () => {
    const { Sectors } = PreCommitSectorBatch2Params.decode(params('precommit'))
    expect(Sectors).to.have.length(1)
    expect(Sectors[0]).to.include({ SealProof: 5, SectorNumber: 2, UnsealedCid: null })
  })

  it('reads a prove-commit and what it returned', () => {
    const decoded = ProveCommitSectors3Params.decode(params('provecommit3'))
    expect(decoded.SectorActivations).to.deep.equal([{ SectorNumber: 2, Pieces: [] }])
    expect(decoded.SectorProofs.map(proof => proof.length)).to.deep.equal([192])
    expect(decoded.AggregateProofType).to.equal(null)
    const { Receipt, ReturnDec } = lotusResult<{ Receipt: { Return: string }; ReturnDec: object }>(
      'onboard.StateWaitMsg.provecommit3',
    )
    const returned = actorMethod(34).returns!.decode(fromBase64(Receipt.Return))
    expect(withoutNil(z.encode(BatchReturn.json, returned as BatchReturn))).to.deep.equal(withoutNil(ReturnDec))
  })

  it('reads a window PoSt', () => {
    const decoded = SubmitWindowedPoStParams.decode(params('wdpost'))
    expect(decoded).to.include({ Deadline: 0 })
    expect(decoded.Proofs.map(proof => [proof.PoStProof, proof.ProofBytes.length])).to.deep.equal([[10, 192]])
    expect(decoded.ChainCommitRand).to.have.length(32)
    expect(toHex(SubmitWindowedPoStParams.encode(decoded))).to.equal(toHex(params('wdpost')))
  })
})

describe('actors: pre-commits and proofs of any content', () => {
  const commitment = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const preCommit = fc.record({
    SealProof: fc.nat(19),
    SectorNumber: fc.maxSafeNat(),
    SealedCID: commitment.map(commRToCid),
    SealRandEpoch: fc.maxSafeInteger(),
    DealIDs: fc.array(fc.maxSafeNat()),
    Expiration: fc.maxSafeInteger(),
    UnsealedCid: fc.option(commitment.map(commDToCid)),
  })

  it('round trip pre-commits', () => {
    fc.assert(
      fc.property(fc.array(preCommit, { maxLength: 5 }), Sectors => {
        const value = { Sectors }
        expect(PreCommitSectorBatch2Params.decode(PreCommitSectorBatch2Params.encode(value))).to.deep.equal(value)
        const json = JSON.parse(JSON.stringify(PreCommitSectorBatch2Params.json.encode(value)))
        expect(PreCommitSectorBatch2Params.json.decode(json)).to.deep.equal(value)
      }),
    )
  })

  it('round trip window PoSts', () => {
    const post = fc.record({
      Deadline: fc.nat(47),
      Partitions: fc.array(fc.record({ Index: fc.nat(3000), Skipped: fc.array(fc.nat(2349)).map(Bitfield.of) })),
      Proofs: fc.array(fc.record({ PoStProof: fc.nat(14), ProofBytes: fc.uint8Array() })),
      ChainCommitEpoch: fc.maxSafeInteger(),
      ChainCommitRand: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    })
    fc.assert(
      fc.property(post, value => {
        expect(SubmitWindowedPoStParams.decode(SubmitWindowedPoStParams.encode(value))).to.deep.equal(value)
      }),
    )
  })

  it('name the path of what is wrong', () => {
    const { cbor } = VECTORS.find(vector => vector.name === 'PreCommitSectorBatch2/cc')!
    // The sealed CID becomes a byte string: its tag is gone.
    const bad = cbor.replace('d82a5829', '5829')
    expect(() => PreCommitSectorBatch2Params.decode(fromHex(bad))).to.throw(
      'Sectors[0].SealedCID: expected a CID, found 41 bytes',
    )
  })
})

describe('actors/actor-methods', () => {
  it('finds a method by number, name, and actor', () => {
    expect(actorMethod(28).name).to.equal('PreCommitSectorBatch2')
    expect(actorMethod('28').name).to.equal('PreCommitSectorBatch2')
    expect(actorMethod('ProveCommitSectors3').number).to.equal(34)
    expect(actorMethod(2).name).to.equal('ControlAddresses')
    expect(actorMethod(2, 'power').name).to.equal('CreateMiner')
    expect(actorMethod('power.2').name).to.equal('CreateMiner')
    expect(actorMethod(METHODS.miner.RepayDebt).params).to.equal(null)
  })

  it('says what there is instead of an unknown one', () => {
    expect(() => actorMethod(99)).to.throw(
      RangeError,
      'unknown method "99" of the miner actor, expected one of: 2 ControlAddresses',
    )
    expect(() => actorMethod('cron.1')).to.throw(
      RangeError,
      'unknown actor "cron", expected one of miner, power, market',
    )
  })

  it('has no number twice', () => {
    for (const actor of ['miner', 'power', 'market'] satisfies ActorName[]) {
      const numbers = ACTOR_METHODS.filter(row => row.actor === actor).map(row => row.number)
      expect(new Set(numbers).size).to.equal(numbers.length)
    }
  })
})

describe('actors/batch-return', () => {
  it('is the exit codes of a batch', () => {
    const batch = batchReturn([0, 16, 0, 20])
    expect(batch).to.deep.equal({
      SuccessCount: 2,
      FailCodes: [
        { Idx: 1, Code: 16 },
        { Idx: 3, Code: 20 },
      ],
    })
    expect(batchSize(batch)).to.equal(4)
    expect(toHex(BatchReturn.encode(batch))).to.equal('820282820110820314')
    fc.assert(
      fc.property(fc.array(fc.nat(30)), codes => void expect(batchExitCodes(batchReturn(codes))).to.deep.equal(codes)),
    )
  })

  it('refuses fail codes outside the batch', () => {
    expect(() => batchExitCodes({ SuccessCount: 1, FailCodes: [{ Idx: 2, Code: 16 }] })).to.throw(
      RangeError,
      'batch of 2: fail code for item 2 makes no sense',
    )
    const twice = { Idx: 0, Code: 16 }
    expect(() => batchExitCodes({ SuccessCount: 1, FailCodes: [twice, twice] })).to.throw('fail code for item 0')
  })
})
