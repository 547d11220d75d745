import { expect } from 'chai'
import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { commRToCid } from '../../../rpc-schema/wire/cid.js'
import { goodProof, ManagerBench, MINER, PIECE_COMMITMENT } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'
import { advanceUntil, expectOnceEach, messagesOf, PRE_COMMIT, pooled, reaches } from './chain-truth.js'

const PUSH = 'Filecoin.MpoolPushMessage'
const { pending, landed, failed } = ON_CHAIN_STATE
const EPOCHS_IN_DAY = 2880
const ADDRESS = Address.fromId(MINER)
const LIMIT_MS = 20_000

/** What becomes too late while it waits, on a chain that moves only when the test says so. */
describe('fault: too late', function () {
  this.timeout(120_000)
  let bench: ManagerBench

  const begin = async (options: ConstructorParameters<typeof ManagerBench>[0] = {}): Promise<void> => {
    bench = await new ManagerBench({ devnet: { manual: true }, ...options }).start()
  }
  afterEach(() => bench.stop())

  const submit = async (one: Awaited<ReturnType<ManagerBench['sealed']>>) =>
    bench.api.SubmitPreCommit(one.sector, one.pre, false)

  it('fault 26: a ticket reaches its age limit in PC2: the pre-commit is refused with the reason, nothing is sent', async () => {
    await begin()
    const one = await bench.sealed()
    await bench.admin.NullRounds(EPOCHS_IN_DAY + 900 + 910)
    const answer = await submit(one)
    expect(answer.Res).to.equal(SUBMIT_RESULT.rejected)
    expect(answer.Desc).to.include('ticket expired')
    await bench.admin.Advance(5)
    expect(await messagesOf(bench)).to.deep.equal([])
    expect((await bench.admin.Status()).Pending).to.equal(0)
  })

  it('fault 26: a ticket reaches its age limit while the node takes no messages: given back to the worker, not sent, not looped', async () => {
    await begin()
    await bench.admin.Fail({ Method: PUSH, Kind: 'error', Message: 'the pool is full' })
    const one = await bench.sealed()
    expect((await submit(one)).Res).to.equal(SUBMIT_RESULT.accepted)
    await bench.admin.Advance(5)
    await bench.admin.NullRounds(EPOCHS_IN_DAY + 900 + 910)
    await bench.admin.ClearFaults()
    await reaches(bench, 'pre', one.sid, failed)
    await bench.admin.Advance(50)
    expect(await messagesOf(bench)).to.deep.equal([])
    expect((await bench.api.PollPreCommitState(one.sid)).State).to.equal(failed)
  })

  it('fault 27: an outage of 31 days: the pre-commit is gone and its deposit lost, which is said; the number is never used again', async () => {
    await begin()
    const one = await bench.sealed()
    await submit(one)
    await pooled(bench)
    await reaches(bench, 'pre', one.sid, landed)
    const before = (await bench.admin.Status()).Miners[0]!
    expect(before.PreCommitted).to.equal(1)
    await advanceUntil(bench, 'the seed', async () => (await bench.api.WaitSeed(one.sid, 5)).Seed ?? undefined)
    await bench.manager.stop()
    for (let day = 0; day < 31; day++) await bench.admin.NullRounds(EPOCHS_IN_DAY)
    await bench.admin.Advance(2)
    await bench.startManager()
    expect((await bench.admin.Status()).Miners[0]!.PreCommitted, 'burnt by the chain').to.equal(0)
    const answer = await bench.api.SubmitProof(one.sid, { Proof: goodProof(1) }, false)
    expect(answer.Res).to.equal(SUBMIT_RESULT.rejected)
    expect(answer.Desc).to.include('deposit is lost').and.to.include('number stays used up')
    const again = await bench.api.SubmitPreCommit(one.sector, one.pre, true)
    expect(again.Res).to.equal(SUBMIT_RESULT.rejected)
    await bench.api.ReportAborted(one.sid, 'expired')
    const next = await bench.sealed()
    expect(next.sid.Number).to.be.greaterThan(one.sid.Number)
    await submit(next)
    await pooled(bench)
    await reaches(bench, 'pre', next.sid, landed)
    await expectOnceEach(bench)
  })

  it('fault 28: the last epoch for a deal passes while its sector waits: it is not sent, and is given back to its worker', async () => {
    await begin({ deals: true })
    await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(3) })
    const lastEpoch = (await bench.chain.ChainHead()).Height + 60 * EPOCHS_IN_DAY
    const one = await bench.sealed()
    expect(await bench.api.AcquireDeals(one.sid, { MaxDeals: null, MinUsedSpace: null })).to.have.length(1)
    await bench.admin.Fail({ Method: PUSH, Kind: 'error', Message: 'the pool is full' })
    const pre = { ...one.pre, CommD: PIECE_COMMITMENT }
    expect((await bench.api.SubmitPreCommit(one.sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    const { Height } = await bench.chain.ChainHead()
    for (let left = lastEpoch + 10 - Height; left > 0; left -= 10_000)
      await bench.admin.NullRounds(Math.min(left, 10_000))
    await bench.admin.ClearFaults()
    await reaches(bench, 'pre', one.sid, failed)
    expect(await messagesOf(bench)).to.deep.equal([])
    await bench.api.ReportAborted(one.sid, 'too late for its deal')
    expect((await bench.api.FindSector('offline', one.sid))?.AbortReason).to.equal('too late for its deal')
  })

  it('fault 29: a batch of 200 with one that somebody else has spoilt: 199 land in one message', async () => {
    await begin({
      minerConfig: `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 200
MaxWait = "1000h"
CheckInterval = "20s"
`,
    })
    const all = await Promise.all(Array.from({ length: 200 }, () => bench.sealed()))
    const spoilt = all[77]!
    const { Owner } = (await bench.admin.Status()).Miners[0]!
    const info = {
      SealProof: 5,
      SectorNumber: spoilt.sid.Number,
      SealedCID: commRToCid(new Uint8Array(32).fill(9)),
      SealRandEpoch: spoilt.pre.Ticket.Epoch,
      DealIDs: [],
      Expiration: (await bench.chain.ChainHead()).Height + 700_000,
      UnsealedCid: null,
    }
    const answers = await Promise.all(all.slice(0, 199).map(submit))
    expect(answers.every(({ Res }) => Res === SUBMIT_RESULT.accepted)).to.equal(true)
    await bench.chain.MpoolPushMessage(
      {
        Version: 0,
        To: ADDRESS,
        From: Owner,
        Nonce: 0,
        Value: 0n,
        GasLimit: 0,
        GasFeeCap: 0n,
        GasPremium: 0n,
        Method: PRE_COMMIT,
        Params: PreCommitSectorBatch2Params.encode({ Sectors: [info] }),
      },
      null,
    )
    await bench.admin.Advance(2)
    expect((await submit(all[199]!)).Res).to.equal(SUBMIT_RESULT.accepted)
    await advanceUntil(bench, 'two messages', async () => {
      const messages = await messagesOf(bench, PRE_COMMIT)
      return messages.length >= 2 ? messages : undefined
    })
    await bench.admin.Advance(5)
    const [, batch, ...more] = await messagesOf(bench, PRE_COMMIT)
    expect(more).to.deep.equal([])
    expect(batch!.Sectors).to.have.length(199)
    expect(batch!.Receipt?.ExitCode).to.equal(0)
    expect(batch!.Sectors).to.not.include(spoilt.sid.Number)
    await eventually('the spoilt one is given back', LIMIT_MS, async () =>
      (await bench.api.PollPreCommitState(spoilt.sid)).State === pending ? undefined : true,
    )
  })
})
