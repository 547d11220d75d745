import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { ManagerBench } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'
import { GateProxy, type HeldCall } from '../../harness/gate-proxy.js'
import { freshMariaDb, noMariaDb } from '../../harness/mariadb.js'
import { expectOnceEach, messagesOf, PRE_COMMIT } from './chain-truth.js'
import { ManagerProcess } from './manager-process.js'

const { landed } = ON_CHAIN_STATE
const PUSH = 'Filecoin.MpoolPushMessage'
/** What is asked of the node between the intent of a message and its push. */
const ESTIMATE = 'Filecoin.GasEstimateGasLimit'
const LIMIT_MS = 40_000

const onMariaDb = noMariaDb === undefined ? describe : describe.skip
onMariaDb(
  `fault: two managers on one database${noMariaDb === undefined ? '' : ` (skipped: ${noMariaDb})`}`,
  function () {
    this.timeout(120_000)
    let bench: ManagerBench
    let gate: GateProxy
    let other: ManagerProcess

    beforeEach(async () => {
      gate = new GateProxy(() => bench.devnet.address)
      await gate.listen()
      bench = await new ManagerBench({
        database: await freshMariaDb(),
        chainFor: () => `${gate.address}/rpc/v1`,
        minerConfig: `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
CheckInterval = "2s"
[Miners.Commitment.Prove.Batch]
Threshold = 1
`,
      }).start()
      other = new ManagerProcess(bench, { home: 'other' })
    })
    afterEach(async () => {
      await other.close()
      await bench.stop()
      await gate.close()
    })

    it('fault 25: both send what waits, each sector once', async () => {
      await other.start()
      const all = []
      for (let turn = 0; turn < 12; turn++) {
        const one = await bench.sealed()
        const by = turn % 2 === 0 ? bench.api : other.api
        all.push(one)
        expect((await by.SubmitPreCommit(one.sector, one.pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      }
      for (const { sid } of all) await bench.preCommitState(sid, landed)
      for (const { sid } of all)
        expect((await other.api.PollPreCommitState(sid)).State, 'the other knows it, too').to.equal(landed)
      expect(new Set(all.map(({ sid }) => sid.Number)).size).to.equal(12)
      await expectOnceEach(bench)
    })

    it('fault 25: one is frozen between its intent and its push; the other sends instead, and the first does not when it goes on', async () => {
      // The bench's own manager is the other one here: that of a process can be frozen.
      await bench.manager.stop()
      await other.start()
      bench.api = other.api
      const held: Promise<HeldCall> = gate.hold(ESTIMATE, 'after')
      const { sector, sid, pre } = await bench.sealed()
      expect((await other.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      const call = await held
      other.freeze()
      await bench.startManager()
      await bench.preCommitState(sid, landed)
      expect(gate.calls.get(PUSH)).to.equal(1)
      other.thaw()
      call.release()
      await eventually('the first has noticed', LIMIT_MS, () =>
        other.log.some(line => line.includes('taken the message over')) ? true : undefined,
      )
      const next = await bench.sealed()
      expect((await other.api.SubmitPreCommit(next.sector, next.pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      await bench.preCommitState(next.sid, landed)
      expect((await messagesOf(bench, PRE_COMMIT)).map(({ Sectors }) => Sectors)).to.deep.equal([
        [sid.Number],
        [next.sid.Number],
      ])
      await expectOnceEach(bench)
    })

    it('fault 25: one dies between its intent and its push while the other runs: the other sends instead', async () => {
      await bench.manager.stop()
      await other.start()
      bench.api = other.api
      const held = gate.hold(PUSH, 'before')
      const { sector, sid, pre } = await bench.sealed()
      await other.api.SubmitPreCommit(sector, pre, false)
      const call = await held
      await bench.startManager()
      await other.kill()
      call.cut()
      await bench.preCommitState(sid, landed)
      await expectOnceEach(bench)
    })
  },
)
