import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../harness/eventually.js'
import { GateProxy } from '../../harness/gate-proxy.js'
import { goodProof, ManagerBench } from './manager-bench.js'

const PUSH_OF = { mempool: 'Filecoin.MpoolPushMessage', messager: 'Message.PushMessageWithId' } as const
const { landed } = ON_CHAIN_STATE

/** The node is reached through a gate that can hold a push on either side of its effect and cut its connection. */
for (const [carrier, PUSH] of Object.entries(PUSH_OF))
  describe(`manager: pushes that nobody hears of, by the ${carrier}`, function () {
    this.timeout(60_000)
    let bench: ManagerBench
    let gate: GateProxy

    beforeEach(async () => {
      gate = new GateProxy(() => bench.devnet.address)
      await gate.listen()
      bench = await new ManagerBench({
        chainFor: () => `${gate.address}/rpc/v1`,
        messager: carrier === 'messager',
      }).start()
    })
    afterEach(async () => {
      await bench.stop()
      await gate.close()
    })

    /** The pre-commit of a new sector, held at the gate. */
    async function heldPreCommit(when: 'before' | 'after') {
      const held = gate.hold(PUSH, when)
      const { sector, sid, pre } = await bench.sealed()
      expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      return { sid, sector, pre, call: await held }
    }

    async function expectOnePreCommit(sid: SectorID): Promise<void> {
      await bench.preCommitState(sid, landed)
      expect(await bench.landed(28, sid)).to.equal(1)
      expect((await bench.admin.Status()).Pending).to.equal(0)
    }

    it('the answer is lost after the effect: the message is found and not sent again', async () => {
      const { sid, call } = await heldPreCommit('after')
      call.cut()
      await expectOnePreCommit(sid)
      expect(gate.calls.get(PUSH)).to.equal(1)
    })

    it('the call is lost before the effect: it is sent again', async () => {
      const { sid, call } = await heldPreCommit('before')
      call.cut()
      await expectOnePreCommit(sid)
      expect(gate.calls.get(PUSH)).to.equal(2)
    })

    it('a re-submission while the answer is open does not send either', async () => {
      const { sid, sector, pre, call } = await heldPreCommit('after')
      expect((await bench.api.SubmitPreCommit(sector, pre, true)).Res).to.equal(SUBMIT_RESULT.accepted)
      const other = { ...pre, CommR: new Uint8Array(32).fill(9) }
      expect((await bench.api.SubmitPreCommit(sector, other, true)).Res).to.equal(SUBMIT_RESULT.mismatchedSubmission)
      call.cut()
      await expectOnePreCommit(sid)
      expect(gate.calls.get(PUSH)).to.equal(1)
    })

    for (const when of ['before', 'after'] as const) {
      it(`the manager ends with a push ${when === 'before' ? 'on the way to' : 'back from'} the node, and starts again`, async () => {
        const { sid, call } = await heldPreCommit(when)
        const stopping = bench.manager.stop()
        call.cut()
        await stopping
        await bench.startManager()
        await expectOnePreCommit(sid)
        expect(gate.calls.get(PUSH)).to.equal(when === 'before' ? 2 : 1)
      })
    }

    it('a message that landed while no manager was there is found', async () => {
      await bench.admin.PauseMining()
      const { sid, call } = await heldPreCommit('after')
      const stopping = bench.manager.stop()
      call.cut()
      await stopping
      await bench.admin.Advance(30)
      await bench.startManager()
      await bench.admin.ResumeMining()
      await expectOnePreCommit(sid)
      expect(gate.calls.get(PUSH)).to.equal(1)
    })

    it('the node refuses: the sector waits, and is sent when the node takes it', async () => {
      await bench.admin.Fail({ Method: PUSH, Kind: 'error', Times: 2, Message: 'not enough funds' })
      const { sector, sid, pre } = await bench.sealed()
      await bench.api.SubmitPreCommit(sector, pre, false)
      await expectOnePreCommit(sid)
      expect(gate.calls.get(PUSH)).to.equal(3)
    })

    it('the same for the proof', async () => {
      const { sector, sid, pre } = await bench.sealed()
      await bench.api.SubmitPreCommit(sector, pre, false)
      await bench.preCommitState(sid, landed)
      await bench.seed(sid, 5)
      await bench.admin.Fail({ Method: PUSH, Kind: 'drop-after-effect', Times: 1 })
      await bench.api.SubmitProof(sid, { Proof: goodProof(5) }, false)
      await bench.proofState(sid, landed)
      expect(await bench.landed(34, sid)).to.equal(1)
    })
  })

describe('manager: reorgs', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  before(async () => {
    bench = await new ManagerBench({
      minerConfig: `[Miners.Commitment]
Confidence = 8
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
`,
    }).start()
  })
  after(() => bench?.stop())

  it('takes a landed message back to waiting, and lands it again', async () => {
    const { api, admin } = bench
    const { sector, sid, pre } = await bench.sealed()
    await admin.PauseMining()
    await api.SubmitPreCommit(sector, pre, false)
    await eventually('the message in the pool', 10_000, async () =>
      (await admin.Status()).Pending > 0 ? true : undefined,
    )
    await admin.Advance(3)
    await bench.preCommitState(sid, ON_CHAIN_STATE.packed)
    await admin.Reorg(4)
    await bench.preCommitState(sid, ON_CHAIN_STATE.pending)
    await admin.Advance(12)
    await bench.preCommitState(sid, landed)
    expect(await bench.landed(28, sid)).to.equal(1)
    await admin.ResumeMining()
  })
})
