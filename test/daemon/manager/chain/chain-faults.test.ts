import { expect } from 'chai'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { eventually } from '../../../harness/eventually.js'
import { ManagerBench } from '../manager-bench.js'

const { landed, packed, shouldAbort } = ON_CHAIN_STATE

describe('manager: a chain that misbehaves', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  before(async () => {
    bench = await new ManagerBench({ devnet: { manual: true } }).start()
  })
  after(() => bench?.stop())

  const inPool = (): Promise<true> =>
    eventually('a message in the pool', 10_000, async () =>
      (await bench.admin.Status()).Pending > 0 ? true : undefined,
    )

  it('fault 4: the head stands still, then jumps 30 epochs: all is answered meanwhile, and the message lands', async () => {
    const { sector, sid, pre } = await bench.sealed()
    expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(1)
    const waiting = await bench.api.PollPreCommitState(sid)
    expect(waiting.State).to.not.equal(shouldAbort)
    await inPool()
    await bench.admin.Advance(3)
    await bench.preCommitState(sid, packed, landed)
    await bench.admin.Advance(30)
    await bench.preCommitState(sid, landed)
  })

  it('fault 5: null rounds at the seed: it is there as soon as the chain is past it', async () => {
    const { sector, sid, pre } = await bench.sealed()
    await bench.api.SubmitPreCommit(sector, pre, false)
    await inPool()
    await bench.admin.Advance(3)
    await bench.preCommitState(sid, packed, landed)
    const wait = await bench.api.WaitSeed(sid, sector.ProofType)
    expect(wait.ShouldWait).to.equal(true)
    await bench.admin.NullRounds(30)
    const seed = await bench.seed(sid, sector.ProofType)
    expect(seed.Seed).to.have.length(32)
  })

  it('fault 7: "actor not found" and "state not available" for a while: errors that pass, and no sector is given up', async () => {
    const { sector, sid, pre } = await bench.sealed()
    for (const Message of ['actor not found', 'state not available for tipset']) {
      for (const method of ['StateSectorPreCommitInfo', 'StateMinerInfo', 'StateGetActor', 'StateNetworkVersion'])
        await bench.admin.Fail({
          Method: `Filecoin.${method}`,
          Kind: 'error',
          Times: undefined,
          DelayMs: undefined,
          Message,
        })
      const refused = await bench.api.SubmitPreCommit(sector, pre, false).catch((error: unknown) => error)
      expect(refused, Message).to.be.instanceOf(RpcError)
      expect((refused as RpcError).code).to.equal(1)
      const waiting = await bench.api.WaitSeed(sid, sector.ProofType).catch((error: unknown) => error)
      expect(waiting).to.be.instanceOf(RpcError)
      await bench.admin.ClearFaults()
    }
    expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res, 'as if nothing had been').to.equal(1)
  })
})
