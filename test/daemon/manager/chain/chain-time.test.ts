import { expect } from 'chai'
import { type Clock, systemClock } from '../../../../daemon/kit/clock.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../../rpc-schema/manager/commitment.js'
import { eventually } from '../../../harness/eventually.js'
import { fastClock, goodProof, ManagerBench, MINER } from '../manager-bench.js'

const { landed, shouldAbort } = ON_CHAIN_STATE
const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS

/** The time of a chain whose genesis lies so far from ours. */
const awayBy = (ms: number): Clock => ({ ...systemClock, now: () => Date.now() + ms })

/** Runs fast, and can be put forward. */
class JumpingClock implements Clock {
  readonly #fast = fastClock(20)
  #ahead = 0
  now = (): number => this.#fast.now() + this.#ahead
  monotonic = (): number => this.#fast.monotonic() + this.#ahead
  sleep: Clock['sleep'] = (ms, signal) => this.#fast.sleep(ms, signal)

  jump(ms: number): void {
    this.#ahead += ms
  }
}

describe('manager: the time of the chain is its epochs', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  afterEach(() => bench.stop())

  const sent = async (method: number): Promise<number> =>
    (await bench.admin.Messages({ Miner: MINER, Method: method })).length

  const CHAINS = [
    { what: 'twenty epochs a second, timestamps twenty years in the past', away: -20 * YEAR_MS },
    { what: 'twenty epochs a second, timestamps twenty years in the future', away: 20 * YEAR_MS },
  ] as const
  for (const { what, away } of CHAINS)
    it(`${what}: a sector comes to its end, sent once each, with waits of seconds`, async () => {
      bench = await new ManagerBench({ devnet: { epochMs: 50, clock: awayBy(away) } }).start()
      const { Blocks } = await bench.chain.ChainHead()
      expect(Math.sign(Blocks[0]!.Timestamp * 1_000 - Date.now())).to.equal(Math.sign(away))
      const { sector, sid, pre } = await bench.sealed()
      expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      await bench.preCommitState(sid, landed)
      const { ShouldWait, Delay } = await bench.api.WaitSeed(sid, 5)
      if (ShouldWait) expect(Delay).to.be.within(1, 16)
      await bench.seed(sid, 5)
      expect((await bench.api.SubmitProof(sid, { Proof: goodProof(1) }, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      await bench.proofState(sid, landed)
      expect([
        await sent(METHODS.miner.PreCommitSectorBatch2),
        await sent(METHODS.miner.ProveCommitSectors3),
      ]).to.deep.equal([1, 1])
      const health = await fetch(`http://${bench.manager.address}/healthcheck?full=1`)
      expect(health.status, await health.text()).to.equal(200)
    })

  it('a head that stands still for an hour: everything is answered, nothing is given up or sent again, and then it goes on', async () => {
    const clock = new JumpingClock()
    bench = await new ManagerBench({
      devnet: { manual: true },
      clock,
      minerConfig: `[Miners.Commitment]
Confidence = 1
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 8
MaxWait = "30m"
CheckInterval = "1s"
`,
    }).start()
    const pending = async (): Promise<number> => (await bench.admin.Status()).Pending
    const one = await bench.sealed()
    await bench.api.SubmitPreCommit(one.sector, one.pre, false)
    await eventually('a message in the pool', 10_000, async () => ((await pending()) === 1 ? true : undefined))
    clock.jump(HOUR_MS)
    for (let looks = 0; looks < 5; looks++) {
      const { State } = await bench.api.PollPreCommitState(one.sid)
      expect(State).to.not.equal(shouldAbort)
      await clock.sleep(2_000)
    }
    expect((await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] }))?.ID.Number).to.be.a('number')
    expect(await pending(), 'the same message, once').to.equal(1)
    await bench.admin.Advance(3)
    await bench.preCommitState(one.sid, landed)

    const still = await bench.api.WaitSeed(one.sid, 5)
    expect(still.ShouldWait).to.equal(true)
    clock.jump(HOUR_MS)
    const later = await bench.api.WaitSeed(one.sid, 5)
    expect([later.ShouldWait, later.Seed]).to.deep.equal([true, null])
    expect(later.Delay, 'no longer than the chain says it takes').to.be.at.most(still.Delay)
    await bench.admin.Advance(20)
    await bench.seed(one.sid, 5)

    await bench.api.SubmitProof(one.sid, { Proof: goodProof(1) }, false)
    await clock.sleep(3_000)
    expect(await pending(), 'a batch waits').to.equal(0)
    clock.jump(HOUR_MS)
    await eventually('the batch has waited long enough', 10_000, async () =>
      (await pending()) === 1 ? true : undefined,
    )
    clock.jump(HOUR_MS)
    await clock.sleep(5_000)
    expect(await pending(), 'the same message, once').to.equal(1)
    await bench.admin.Advance(3)
    await bench.proofState(one.sid, landed)
    expect(await sent(METHODS.miner.ProveCommitSectors3)).to.equal(1)
  })
})
