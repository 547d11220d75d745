import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { ManagerBench } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'
import { expectOnceEach, messagesOf, PRE_COMMIT } from './chain-truth.js'
import { ManagerProcess } from './manager-process.js'

const { landed } = ON_CHAIN_STATE
const LIMIT_MS = 40_000
/** What it may open beyond what it has open. */
const LEFT = 10
const CONNECTIONS = 100

const noPrlimit = spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'there is no prlimit'
const withPrlimit = noPrlimit === undefined ? describe : describe.skip

withPrlimit(
  `fault: no file descriptors are left${noPrlimit === undefined ? '' : ` (skipped: ${noPrlimit})`}`,
  function () {
    this.timeout(120_000)
    let bench: ManagerBench
    let manager: ManagerProcess
    const flood: Socket[] = []

    beforeEach(async () => {
      bench = await new ManagerBench({
        minerConfig: '[Miners.Commitment]\nConfidence = 2\n[Miners.Commitment.Pre.Batch]\nThreshold = 1\n',
      }).start()
      await bench.manager.stop()
      manager = await new ManagerProcess(bench).start()
      bench.api = manager.api
    })
    afterEach(async () => {
      for (const socket of flood.splice(0)) socket.destroy()
      await manager?.close()
      await bench?.stop()
    })

    /** Takes connections until the manager has none left to give. */
    const exhaust = async (): Promise<void> => {
      const open = readdirSync(`/proc/${manager.pid}/fd`).length
      const limited = spawnSync('prlimit', [`--pid=${manager.pid}`, `--nofile=${open + LEFT}`])
      expect(limited.status, `${limited.stderr}`).to.equal(0)
      const { hostname: host, port } = new URL(manager.origin)
      for (let n = 0; n < CONNECTIONS; n++) {
        const socket = connect({ host, port: Number(port) })
        socket.on('error', () => undefined)
        flood.push(socket)
      }
      await eventually('new connections are not served', LIMIT_MS, async () => ((await isServed()) ? undefined : true))
    }
    /** A new connection is answered. */
    const isServed = (): Promise<boolean> =>
      fetch(`${manager.origin}/healthcheck`, {
        signal: AbortSignal.timeout(2_000),
        headers: { connection: 'close' },
      }).then(
        ({ ok }) => ok,
        () => false,
      )

    it('fault 47: who is connected is served on, nothing is lost, and all is well when they are back', async () => {
      const before = await bench.sealed()
      await exhaust()
      const during = await bench.sealed()
      expect(during.sid.Number).to.be.greaterThan(before.sid.Number)
      const answers = await Promise.allSettled(
        [before, during].map(({ sector, pre }) => bench.api.SubmitPreCommit(sector, pre, false)),
      )
      for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).to.be.an('error')

      for (const socket of flood.splice(0)) socket.destroy()
      await eventually('new connections are served', LIMIT_MS, async () => (await isServed()) || undefined)
      const after = await bench.sealed()
      expect(after.sid.Number).to.be.greaterThan(during.sid.Number)
      for (const { sid, sector, pre } of [before, during, after]) {
        const { Res } = await bench.api.SubmitPreCommit(sector, pre, false)
        expect(Res).to.be.oneOf([SUBMIT_RESULT.accepted, SUBMIT_RESULT.duplicateSubmit])
        await bench.preCommitState(sid, landed)
      }
      const sent = (await messagesOf(bench, PRE_COMMIT)).flatMap(({ Sectors }) => Sectors)
      expect([...sent].sort()).to.deep.equal([before, during, after].map(({ sid }) => sid.Number).sort())
      await expectOnceEach(bench)
    })
  },
)
