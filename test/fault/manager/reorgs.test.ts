import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { goodProof, ManagerBench } from '../../daemon/manager/manager-bench.js'
import { advanceUntil, expectOnceEach, PRE_COMMIT, PROVE_COMMIT, pooled, reaches, sealedCid } from './chain-truth.js'

const { pending, landed, failed, permFailed } = ON_CHAIN_STATE
const DEPTHS = [1, 2, 3, 5, 8, 13, 20]

/** A proof that is about one seed, as real ones are. */
const proofOf = (seed: Uint8Array): Uint8Array => {
  const proof = goodProof(1)
  proof.set(seed, 1)
  return proof
}

/** The chain moves only when the test says so: each reorg is as deep as it is meant to be. */
describe('fault: reorgs', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  beforeEach(async () => {
    bench = await new ManagerBench({
      devnet: { manual: true },
      proofHolds: ({ seed, proof }) => bytesEqual(proof.subarray(1, 33), seed),
    }).start()
  })
  afterEach(() => bench.stop())

  const pushed = async () => {
    const { sector, sid, pre } = await bench.sealed()
    expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    await pooled(bench)
    return { sector, sid }
  }
  const seedOf = (sid: { Miner: number; Number: number }) =>
    advanceUntil(bench, `the seed of ${sid.Number}`, async () => (await bench.api.WaitSeed(sid, 5)).Seed ?? undefined)
  const submitProof = async (sid: { Miner: number; Number: number }, seed: Uint8Array, hardReset = false) =>
    bench.api.SubmitProof(sid, { Proof: proofOf(seed) }, hardReset)

  it(`fault 1: of depth ${DEPTHS}, each taking back a pre-commit just landed; every other time the node forgets the message, too`, async () => {
    for (const [turn, depth] of DEPTHS.entries()) {
      const { sid } = await pushed()
      await bench.admin.Advance(depth)
      if (depth > 4) await reaches(bench, 'pre', sid, landed)
      await bench.admin.Reorg(depth > 4 ? Math.max(depth, (await epochsSince(sid)) + 1) : depth)
      if (turn % 2 === 1) await bench.admin.ForgetMessages(null)
      await advanceUntil(
        bench,
        'taken back',
        async () => ((await bench.api.PollPreCommitState(sid)).State === pending ? true : undefined),
        0,
      )
      await reaches(bench, 'pre', sid, landed)
      expect(await bench.landed(PRE_COMMIT, sid), `depth ${depth}`).to.equal(1)
    }
    await expectOnceEach(bench)
  })

  /** Tipsets from the one that holds the pre-commit to the head. */
  async function epochsSince(sid: { Number: number }): Promise<number> {
    const messages = await bench.admin.Messages({ Miner: 1000, Method: PRE_COMMIT })
    const { Height } = messages.findLast(({ Sectors }) => Sectors.includes(sid.Number))!
    return (await bench.admin.Status()).Height - Height
  }

  it(`fault 1: of depth ${DEPTHS}, each taking back a prove-commit just landed`, async () => {
    for (const depth of DEPTHS) {
      const { sid } = await pushed()
      await reaches(bench, 'pre', sid, landed)
      const { Seed } = await seedOf(sid)
      await bench.admin.Advance(21)
      expect((await submitProof(sid, Seed)).Res).to.equal(SUBMIT_RESULT.accepted)
      await pooled(bench)
      await bench.admin.Advance(depth)
      await bench.admin.Reorg(depth)
      expect(await sealedCid(bench, sid.Number), 'it is off the chain').to.equal(undefined)
      await reaches(bench, 'prove', sid, landed)
      expect(await bench.landed(PROVE_COMMIT, sid), `depth ${depth}`).to.equal(1)
      expect(await sealedCid(bench, sid.Number)).to.be.a('string')
    }
    await expectOnceEach(bench)
  })

  it('fault 2: the seed changes before the proof is handed in: the old proof is refused for nothing but its seed, a new one lands', async () => {
    const { sid } = await pushed()
    await reaches(bench, 'pre', sid, landed)
    const before = await seedOf(sid)
    await bench.admin.Reorg((await epochsSince(sid)) + 1)
    await bench.admin.NullRounds(3)
    await reaches(bench, 'pre', sid, landed)
    await bench.admin.Advance(15)
    const refused = await submitProof(sid, before.Seed)
    expect(refused.Res).to.equal(SUBMIT_RESULT.rejected)
    expect(refused.Desc).to.include('bad seed')
    const after = await seedOf(sid)
    expect(after.Epoch).to.be.greaterThan(before.Epoch)
    expect((await submitProof(sid, after.Seed)).Res).to.equal(SUBMIT_RESULT.accepted)
    await reaches(bench, 'prove', sid, landed)
    await expectOnceEach(bench)
  })

  it('fault 2: the seed changes after the proof was sent: the message fails once, is not sent again by itself, and a proof of the new seed lands', async () => {
    const { sid } = await pushed()
    await reaches(bench, 'pre', sid, landed)
    const before = await seedOf(sid)
    await submitProof(sid, before.Seed)
    await pooled(bench)
    await bench.admin.Advance(1)
    await bench.admin.Reorg((await epochsSince(sid)) + 1)
    await bench.admin.NullRounds(3)
    const state = await reaches(bench, 'prove', sid, failed, permFailed)
    expect(state).to.be.oneOf([failed, permFailed])
    await bench.admin.Advance(40)
    expect(await bench.landed(PROVE_COMMIT, sid), 'no blind loop').to.equal(1)
    const after = await seedOf(sid)
    expect(bytesEqual(after.Seed, before.Seed)).to.equal(false)
    expect((await submitProof(sid, after.Seed, true)).Res).to.equal(SUBMIT_RESULT.accepted)
    await reaches(bench, 'prove', sid, landed)
    expect(await sealedCid(bench, sid.Number)).to.be.a('string')
    await expectOnceEach(bench, 1)
  })

  it('fault 2: the pre-commit is taken back while the proof waits in a batch: the proof of the old seed is never sent', async () => {
    await bench.stop()
    bench = await new ManagerBench({
      devnet: { manual: true },
      proofHolds: ({ seed, proof }) => bytesEqual(proof.subarray(1, 33), seed),
      minerConfig: `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 2
MaxWait = "200s"
CheckInterval = "1s"
`,
    }).start()
    const { sid } = await pushed()
    await reaches(bench, 'pre', sid, landed)
    const before = await seedOf(sid)
    expect((await submitProof(sid, before.Seed)).Res).to.equal(SUBMIT_RESULT.accepted)
    await bench.admin.Reorg((await epochsSince(sid)) + 1)
    await bench.admin.NullRounds(3)
    const other = await pushed()
    await reaches(bench, 'pre', sid, landed)
    await reaches(bench, 'pre', other.sid, landed)
    await submitProof(other.sid, (await seedOf(other.sid)).Seed)
    await reaches(bench, 'prove', sid, failed)
    const after = await seedOf(sid)
    expect((await submitProof(sid, after.Seed, true)).Res).to.equal(SUBMIT_RESULT.accepted)
    await bench.admin.Advance(201)
    await reaches(bench, 'prove', sid, landed)
    await reaches(bench, 'prove', other.sid, landed)
    await expectOnceEach(bench)
  })
})
