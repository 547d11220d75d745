import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { openDatabase } from '../../../daemon/kit/database.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { MasterConfig } from '../../../daemon/wdpost/master/master-config.js'
import { MASTER_METRICS, masterMetricsMarkdown } from '../../../daemon/wdpost/master/metrics-table.js'
import { Slaves } from '../../../daemon/wdpost/master/slaves.js'
import { RPC_PATH, startMaster } from '../../../daemon/wdpost/master/start-master.js'
import type { TaskEvent } from '../../../daemon/wdpost/master/task-events.js'
import { WindowTasks } from '../../../daemon/wdpost/master/window-tasks.js'
import { TaskRepository } from '../../../daemon/wdpost/tasks/task-repository.js'
import { wdpostMigrations } from '../../../migrations/wdpost/index.js'
import type { WindowPoStTask } from '../../../rpc-schema/processor/post.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { windowTaskService } from '../../../rpc-schema/wdpost/index.js'
import { eventually } from '../../harness/eventually.js'
import { FakeClock } from '../worker/support/fake-clock.js'

const LIMIT_MS = 60_000
const never = new AbortController().signal

const task = (seed: number, change: Partial<WindowPoStTask> = {}): WindowPoStTask => ({
  miner_id: 1000,
  proof_type: 10,
  replicas: [{ sector_id: 7, comm_r: new Uint8Array(32), cache_dir: '/c', sealed_file: '/s' }],
  seed: new Uint8Array(32).fill(seed),
  ...change,
})
const good = { proofs: [Uint8Array.of(1)], faults: [] }

describe('wdpost: metrics of a master', function () {
  this.timeout(2 * LIMIT_MS)

  it('are served beside the tasks, every one of the table and none besides, with what has happened', async () => {
    const config = MasterConfig.parse({ server: { listen: '127.0.0.1:0' }, db: { url: 'sqlite::memory:' } })
    const master = await startMaster({ config, version: 'v0-test', log: silentLog })
    const connection = connectRpc(`ws://${master.address}`, { path: RPC_PATH })
    try {
      const slave = rpcClient(windowTaskService, connection)
      const metrics = async (): Promise<string[]> =>
        (await (await fetch(`http://${master.address}/metrics`)).text()).split('\n')
      const proof = master.prove(task(1), { signal: never })
      const given = await eventually('a task', LIMIT_MS, async () => (await slave.Claim('s1', null)) ?? undefined)
      expect(await metrics()).to.include.members([
        'wdpost_info{version="v0-test"} 1',
        'wdpost_tasks{state="running"} 1',
        'wdpost_tasks{state="archived"} 0',
        'wdpost_wanted{kind="proof"} 1',
        'wdpost_wanted{kind="trial"} 0',
        'wdpost_slave_running{slave="s1"} 1',
        'wdpost_slave_tasks{slave="s1",outcome="given"} 1',
        'wdpost_slave_tasks{slave="s1",outcome="done"} 0',
        'wdpost_task_events_total{event="given"} 1',
        'wdpost_task_events_total{event="given_up"} 0',
      ])
      await slave.Complete('s1', given.claim, good)
      await proof
      const after = await metrics()
      expect(after).to.include.members([
        'wdpost_tasks{state="running"} 0',
        'wdpost_tasks{state="done"} 1',
        'wdpost_wanted{kind="proof"} 0',
        'wdpost_slave_tasks{slave="s1",outcome="done"} 1',
        'wdpost_proof_seconds_count 1',
      ])
      expect(after.some(line => /^wdpost_slave_silent_seconds\{slave="s1"\} [\d.e-]+$/.test(line))).to.equal(true)
      expect(after.some(line => line.startsWith('wdpost_slave_running{'))).to.equal(false)
      const types = after.flatMap(line => (line.startsWith('# TYPE ') ? [line.slice('# TYPE '.length)] : []))
      expect(types).to.have.members(Object.entries(MASTER_METRICS).map(([name, { type }]) => `${name} ${type}`))
    } finally {
      await connection.close()
      await master.stop()
    }
  })

  it('tell what was late, what was taken from whom, and what was given up', async () => {
    const db = await openDatabase({ dsn: ':memory:', migrations: wdpostMigrations })
    const clock = new FakeClock()
    const events: [TaskEvent, string?][] = []
    const tooks: number[] = []
    const tasks = new WindowTasks({
      tasks: new TaskRepository(db, clock),
      limits: { timeout: 300_000, maxRetry: 1, heartbeatTimeout: 15_000 },
      clock,
      log: silentLog,
      observer: {
        event: (event, about = {}) => void events.push(about.slave === undefined ? [event] : [event, about.slave]),
        proven: tookMs => void tooks.push(tookMs),
      },
    })
    const claimed = (slave: string) =>
      eventually('a task', LIMIT_MS, async () => (await tasks.claim(slave, null)) ?? undefined)
    const told = (): [TaskEvent, string?][] => events.splice(0)
    // Silent, and done after all.
    const first = tasks.prove(task(1), { signal: never })
    const lost = await claimed('s1')
    await tasks.expire()
    clock.advance(16_000)
    await tasks.expire()
    await tasks.complete('s1', lost.claim, good)
    await first
    expect(told()).to.deep.equal([['added'], ['given', 's1'], ['silent', 's1'], ['again'], ['late', 's1']])
    expect(tooks).to.deep.equal([16_000])
    // Failed as often as it may.
    const failing = tasks.prove(task(2), { signal: never }).catch((error: Error) => error.name)
    for (const slave of ['s2', 's1']) {
      const { claim } = await claimed(slave)
      await tasks.fail(slave, claim, 'broken')
      await tasks.retry()
    }
    expect(await failing).to.equal('TaskFailedError')
    expect(told()).to.deep.equal([
      ['added'],
      ['given', 's2'],
      ['failed', 's2'],
      ['again'],
      ['given', 's1'],
      ['failed', 's1'],
      ['given_up'],
    ])
    // Another challenge, and a trial before a real proof.
    const wanted = [task(3), task(4), task(5, { trial: true, miner_id: 1001 }), task(6, { miner_id: 1002 })]
    const asked: Promise<unknown>[] = []
    for (const of of wanted) {
      asked.push(tasks.prove(of, { signal: never }).catch((error: Error) => error.message))
      await eventually(
        'it is added',
        LIMIT_MS,
        () => events.filter(([event]) => event === 'added').length === asked.length || undefined,
      )
    }
    await Promise.all([asked[0], asked[2]])
    expect(told().filter(([event]) => event !== 'added')).to.deep.equal([['superseded'], ['gave_way']])
    expect(tasks.wanted).to.deep.equal({ proofs: 2, trials: 0, oldestMs: 0 })
    clock.advance(5_000)
    expect(tasks.wanted.oldestMs).to.equal(5_000)
    for (const slave of ['s1', 's2']) await tasks.complete(slave, (await claimed(slave)).claim, good)
    await Promise.all(asked)
    await db.destroy()
  })

  it('a slave is spoken of for an hour after it was last heard of, and counted on for a minute', () => {
    const clock = new FakeClock()
    const slaves = new Slaves(clock)
    slaves.heard('s1')
    clock.advance(60_000)
    expect(slaves.present).to.deep.equal(['s1'])
    clock.advance(1)
    expect([slaves.present, [...slaves.silences()]]).to.deep.equal([[], [['s1', 60_001]]])
    clock.advance(3_600_000)
    expect([...slaves.silences()]).to.deep.equal([])
  })

  it('docs/metrics.md has the table as it is declared', () => {
    const doc = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')
    expect(doc).to.contain(masterMetricsMarkdown())
  })
})
