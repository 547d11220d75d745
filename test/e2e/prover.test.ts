import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { UpdateCommitments } from '../../plugins/prover/calls.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { createProverPool, type ProverPool } from '../../plugins/prover/pool.js'
import { prover } from '../../plugins/prover/prover.js'
import {
  filled,
  PROVER_ID,
  SectorOnDisk,
  UPDATE_PROOF,
  WINDOW_PROOF,
  WINNING_PROOF,
} from '../plugins/prover/sealed-sector.js'

const garbage = Uint8Array.from({ length: 192 }, (_, i) => i)
const data = Uint8Array.from({ length: 2032 }, (_, i) => (i * 31) % 256)

describe('e2e: proofs with real parameters', function () {
  this.timeout(600_000)
  let pool: ProverPool
  let sector: SectorOnDisk

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    pool = createProverPool({ threads: 1 })
    sector = new SectorOnDisk(100)
    sector.addPiece(2032, data)
    sector.preCommit()
  })
  after(async () => {
    await pool?.close()
    sector?.remove()
  })

  it('proves a seal that verifies, alone and in an aggregate; anything else does not', async () => {
    const { proverId, sectorId, statement } = sector
    const { proof } = await pool.call('c2', { phase1Output: sector.c1(), proverId, sectorId })
    expect(proof).length(192)
    expect(prover.verifySeal({ ...statement, proof })).equal(true)
    expect(prover.verifySeal({ ...statement, seed: filled(9), proof })).equal(false)
    expect(prover.verifySeal({ ...statement, sectorId: 101, proof })).equal(false)
    for (const wrong of [garbage, proof.subarray(0, 191), new Uint8Array(0), new Uint8Array(384)])
      expect(prover.verifySeal({ ...statement, proof: wrong })).equal(false)

    const { sealProof, seed, commR } = sector
    for (const aggregation of ['SnarkPackV1', 'SnarkPackV2'] as const) {
      const one = { commR, seed, proof }
      const aggregated = prover.aggregate({ sealProof, aggregation, sectors: [one, one] })
      const verify = (from: typeof statement, bytes = aggregated.proof) => {
        const { sectorId, ticket, seed, commR, commD } = from
        const own = { sectorId, ticket, seed, commR, commD }
        return prover.verifyAggregate({ sealProof, aggregation, proverId, sectors: [own, own], proof: bytes })
      }
      expect(verify(statement)).equal(true)
      expect(verify({ ...statement, ticket: filled(9) })).equal(false)
      expect(verify(statement, garbage)).equal(false)
    }
  })

  it('unseals what was sealed', () => {
    const outputPath = sector.path('unsealed')
    const { commD } = sector
    const range = { offset: 0, size: 2032, commD, outputPath }
    expect(prover.unseal({ ...sector.identity, ...sector.files, ...range }).bytesWritten).equal(2032)
    expect(readFileSync(outputPath).equals(data)).equal(true)
  })

  it('proves a window: whole, from vanilla proofs, one partition', async () => {
    const other = new SectorOnDisk(101).preCommit()
    const third = new SectorOnDisk(102).preCommit()
    try {
      const statement = { proofType: WINDOW_PROOF, randomness: new Uint8Array(32).fill(255), proverId: PROVER_ID }
      const replicas = [sector.replica, other.replica, third.replica]
      const publicReplicas = replicas.map(({ sectorId, commR }) => ({ sectorId, commR }))
      const [whole] = await pool.call('windowPost', { ...statement, replicas })
      expect(whole!.proof).length(2 * 192)
      const verify = (proof: Uint8Array, sectors = publicReplicas) =>
        prover.verifyWindowPost({ ...statement, replicas: sectors, proof })
      expect(verify(whole!.proof)).equal(true)
      expect(verify(whole!.proof.subarray(0, 192))).equal(false)
      expect(verify(Uint8Array.from([...garbage, ...garbage]))).equal(false)

      expect(prover.windowPostPartitions({ proofType: WINDOW_PROOF, sectorCount: 3 })).equal(2)
      const { proofs, faults } = prover.postVanillaProofs({ ...statement, replicas })
      expect(faults).eql([])
      const vanillaProofs = proofs.map(proof => proof.vanillaProof)
      const [again] = await pool.call('windowPostWithVanilla', { ...statement, vanillaProofs })
      expect(verify(again!.proof)).equal(true)
      const parts = await Promise.all(
        [vanillaProofs.slice(0, 2), vanillaProofs.slice(2)].map((part, partitionIndex) =>
          pool.call('windowPostPartition', { ...statement, vanillaProofs: part, partitionIndex }),
        ),
      )
      expect(verify(Uint8Array.from(parts.flatMap(part => [...part.proof])))).equal(true)

      const gone = { ...other.replica, cacheDir: '/nowhere' }
      const faulty = await pool
        .call('windowPost', { ...statement, replicas: [sector.replica, gone] })
        .catch(error => error)
      expect(faulty)
        .include({ code: 'FAULTY_SECTORS' })
        .deep.include({ faultySectors: [101] })
    } finally {
      other.remove()
      third.remove()
    }
  })

  it('proves a won block', async () => {
    const statement = { proofType: WINNING_PROOF, randomness: filled(5), proverId: PROVER_ID }
    expect(prover.winningChallenge({ ...statement, sectorCount: 1 })).eql([0])
    const [won] = await pool.call('winningPost', { ...statement, replicas: [sector.replica] })
    const replicas = [{ sectorId: sector.sectorId, commR: sector.commR }]
    expect(prover.verifyWinningPost({ ...statement, replicas, proof: won!.proof })).equal(true)
    expect(prover.verifyWinningPost({ ...statement, randomness: filled(6), replicas, proof: won!.proof })).equal(false)
    expect(prover.verifyWinningPost({ ...statement, replicas, proof: garbage })).equal(false)
  })

  it('proves a replica update, and a window over the new replica', async () => {
    const key = new SectorOnDisk(103).preCommit()
    const update = new SectorOnDisk(103)
    try {
      update.addPiece(2032, data)
      const files = {
        updateProof: UPDATE_PROOF,
        replicaPath: update.path('update'),
        replicaCacheDir: update.path('update-cache'),
        keyPath: key.sealedPath,
        keyCacheDir: key.cacheDir,
      }
      const encoded = prover.updateEncode({ ...files, stagedPath: update.stagedPath, pieces: update.pieces })
      const { commRNew, commDNew } = encoded
      const commitments: UpdateCommitments = { commROld: key.commR, commRNew, commDNew }
      const { vanillaProofs } = prover.updatePartitionProofs({ ...files, ...commitments })
      const statement = { updateProof: UPDATE_PROOF, ...commitments }
      const { proof } = await pool.call('updateProveWithVanilla', { ...statement, vanillaProofs })
      expect(prover.updateVerify({ ...statement, proof })).equal(true)
      expect(prover.updateVerify({ ...statement, commROld: commRNew, proof })).equal(false)
      expect(prover.updateVerify({ ...statement, proof: garbage })).equal(false)

      const window = { proofType: WINDOW_PROOF, randomness: filled(4), proverId: PROVER_ID }
      const { replicaPath: sealedPath, replicaCacheDir: cacheDir } = files
      const replica = { sectorId: 103, commR: commRNew, cacheDir, sealedPath }
      const [proven] = await pool.call('windowPost', { ...window, replicas: [replica] })
      const replicas = [{ sectorId: 103, commR: commRNew }]
      expect(prover.verifyWindowPost({ ...window, replicas, proof: proven!.proof })).equal(true)
    } finally {
      key.remove()
      update.remove()
    }
  })
})
