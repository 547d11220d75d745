import { expect } from 'chai'
import knex, { type Knex } from 'knex'
import type { Clock } from '../../../daemon/kit/clock.js'
import { openDatabase } from '../../../daemon/kit/database.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { WindowTasks } from '../../../daemon/wdpost/master/window-tasks.js'
import { TaskRepository } from '../../../daemon/wdpost/tasks/task-repository.js'
import { wdpostMigrations } from '../../../migrations/wdpost/index.js'
import type { PoStTask, WindowPoStOutput } from '../../../rpc-schema/processor/post.js'
import type { GivenWindowTask } from '../../../rpc-schema/wdpost/index.js'
import { eventually } from '../../harness/eventually.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { FakeClock } from '../worker/support/fake-clock.js'
import { TABLES_BY_HAND } from './seed-files.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const limits = { timeout: 5 * MINUTE, maxRetry: 2, heartbeatTimeout: 15 * SECOND }
const never = new AbortController().signal

const task = (miner: number, seed = 1, proofType = 13): PoStTask => ({
  miner_id: miner,
  proof_type: proofType,
  replicas: [{ sector_id: 1, comm_r: new Uint8Array(32), cache_dir: '/st/cache/1', sealed_file: '/st/sealed/1' }],
  seed: new Uint8Array(32).fill(seed),
})
const output = (byte: number): WindowPoStOutput => ({ proofs: [Uint8Array.of(byte)], faults: [] })

onEachDatabase('wdpost: tasks of a master', database => {
  let db: Knex
  let clock: FakeClock
  let repository: TaskRepository
  let tasks: WindowTasks

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: wdpostMigrations })
    clock = new FakeClock()
    repository = new TaskRepository(db, clock)
    tasks = master()
  })
  afterEach(() => db.destroy())

  const master = (): WindowTasks => new WindowTasks({ tasks: repository, limits, clock, log: silentLog })

  /** As soon as it is in the database. */
  const claimed = (slave: string, of = tasks): Promise<GivenWindowTask> =>
    eventually('a task', 5_000, async () => (await of.claim(slave, null)) ?? undefined)

  const row = async (id: string): Promise<Record<string, unknown>> => (await db('tasks').where({ id }).first())!
  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'no failure',
      (error: Error) => error.message,
    )

  it('a task goes to one slave, and its output to whoever has asked', async () => {
    const asked = task(1000)
    const proof = tasks.prove(asked, { signal: never })
    const given = await claimed('s1')
    expect(given.task).to.deep.equal(asked)
    expect(given.claim.id).to.match(/^[0-9a-f]{32}$/)
    expect(await tasks.claim('s2', null)).to.equal(null)
    expect(await tasks.heartbeat('s2', [given.claim])).to.deep.equal([given.claim.id])
    expect(await tasks.complete('s1', given.claim, output(7))).to.equal('recorded')
    expect((await proof).proofs).to.deep.equal([Uint8Array.of(7)])
    expect(await tasks.complete('s1', given.claim, output(8))).to.equal('known')
    expect(await tasks.complete('s1', { ...given.claim, id: 'other' }, output(8))).to.equal('unknown')
  })

  it('the oldest first, and only of sizes that the slave can prove', async () => {
    const ends = new AbortController()
    const all = [task(1, 1, 13), task(2, 2, 14)].map(each => tasks.prove(each, { signal: ends.signal }))
    for (const each of all) each.catch(() => {})
    await eventually('both', 5_000, async () => ((await db('tasks').select('id')).length === 2 ? true : undefined))
    const other = await eventually('64 GiB', 5_000, async () => (await tasks.claim('s1', [2 ** 36])) ?? undefined)
    expect(other.task.miner_id).to.equal(2)
    expect(await tasks.claim('s1', [2 ** 36])).to.equal(null)
    expect((await claimed('s1')).task.miner_id).to.equal(1)
    ends.abort()
  })

  it('S001-13 S003-65: a slave that is silent for longer than heartbeat_timeout loses its task to another at once', async () => {
    const proof = tasks.prove(task(1000), { signal: never })
    const { claim } = await claimed('s1')
    tasks.slaves.heard('s2')
    await tasks.expire()
    clock.advance(14 * SECOND)
    expect(await tasks.heartbeat('s1', [claim])).to.deep.equal([])
    await tasks.expire()
    clock.advance(15 * SECOND)
    await tasks.expire()
    expect(await tasks.claim('s2', null)).to.equal(null)
    clock.advance(SECOND)
    await tasks.expire()
    const again = await claimed('s2')
    expect(again.claim).to.deep.include({ id: claim.id, retry_count: 1 })
    expect(await tasks.heartbeat('s1', [claim])).to.deep.equal([claim.id])
    expect(await tasks.fail('s1', claim, 'late')).to.equal(false)
    // It was only slow: a proof is a proof.
    expect(await tasks.complete('s1', claim, output(3))).to.equal('recorded')
    expect((await proof).proofs).to.deep.equal([Uint8Array.of(3)])
    expect(await tasks.heartbeat('s2', [again.claim])).to.deep.equal([claim.id])
  })

  it('a clock that somebody sets takes no task from anybody', async () => {
    let wrong = 0
    const set: Clock = {
      now: () => clock.now() + wrong,
      monotonic: () => clock.monotonic(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
    }
    const ours = new WindowTasks({ tasks: new TaskRepository(db, set), limits, clock: set, log: silentLog })
    const ends = new AbortController()
    const proof = failure(ours.prove(task(1000), { signal: ends.signal }))
    const { claim } = await claimed('s1', ours)
    await ours.expire()
    wrong = 120 * MINUTE
    clock.advance(10 * SECOND)
    await ours.expire()
    expect(await ours.heartbeat('s1', [claim])).to.deep.equal([])
    wrong = -120 * MINUTE
    await ours.expire()
    expect(await ours.heartbeat('s1', [claim])).to.deep.equal([])
    ends.abort(new Error('closed'))
    await proof
  })

  it('S001-11 S003-64: an attempt that takes longer than timeout is over, however alive its slave is', async () => {
    const proof = tasks.prove(task(1000), { signal: never })
    proof.catch(() => {})
    const { claim } = await claimed('s1')
    await tasks.expire()
    for (let at = 0; at < 31; at++) {
      clock.advance(10 * SECOND)
      await tasks.heartbeat('s1', [claim])
      await tasks.expire()
    }
    expect((await row(claim.id)).error_reason).to.include('timeout: s1 was not done within 300 s')
    expect((await claimed('s1')).claim.retry_count).to.equal(1)
  })

  it('a slave that takes three times as long as any before loses its task to another, if there is one', async () => {
    const patient = new WindowTasks({
      tasks: repository,
      limits: { ...limits, timeout: 30 * MINUTE },
      clock,
      log: silentLog,
    })
    const first = patient.prove(task(1), { signal: never })
    const { claim } = await claimed('s1', patient)
    clock.advance(4 * MINUTE)
    await patient.complete('s1', claim, output(1))
    await first
    const second = failure(patient.prove(task(2), { signal: never }))
    const hung = await claimed('s1', patient)
    const pass = async (minutes: number): Promise<string[]> => {
      for (let at = 0; at < minutes * 6; at++) {
        await patient.expire()
        clock.advance(10 * SECOND)
        await patient.heartbeat('s1', [hung.claim])
      }
      await patient.expire()
      return patient.heartbeat('s1', [hung.claim])
    }
    expect(await pass(20)).to.deep.equal([])
    patient.slaves.heard('s2')
    expect(await pass(0)).to.deep.equal([hung.claim.id])
    expect((await row(hung.claim.id)).error_reason).to.include('s1 hangs: it was not done within 720 s')
    await patient.complete('s2', (await claimed('s2', patient)).claim, output(2))
    expect(await second).to.equal('no failure')
  })

  it('a database that is away for a while loses nothing', async () => {
    let isAway = true
    const flaky = new Proxy(repository, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (isAway) return Promise.reject(new Error('connect ECONNREFUSED'))
          return (value as (...args: unknown[]) => unknown).apply(target, args)
        }
      },
    })
    const ours = new WindowTasks({ tasks: flaky, limits, clock, log: silentLog })
    const proof = ours.prove(task(1000), { signal: never })
    await new Promise(setImmediate)
    expect(await failure(ours.claim('s1', null))).to.equal('connect ECONNREFUSED')
    isAway = false
    clock.advance(3 * SECOND)
    const { claim } = await claimed('s1', ours)
    isAway = true
    clock.advance(3 * SECOND)
    await new Promise(setImmediate)
    isAway = false
    await ours.complete('s1', claim, output(5))
    clock.advance(3 * SECOND)
    expect((await proof).proofs).to.deep.equal([Uint8Array.of(5)])
  })

  it('S001-12 S001-14 S003-65 S003-66: a task that failed is tried max_retry times more, at the next look; then its error is told', async () => {
    const proof = failure(tasks.prove(task(1000), { signal: never }))
    for (let attempt = 0; attempt <= 2; attempt++) {
      const { claim } = await claimed('s1')
      expect(claim.retry_count).to.equal(attempt)
      const former = { ...claim, retry_count: attempt - 1 }
      expect(await tasks.heartbeat('s1', [former])).to.deep.equal([claim.id])
      expect(await tasks.fail('s1', claim, `no GPU ${attempt}`)).to.equal(true)
      expect(await tasks.claim('s1', null)).to.equal(null)
      await tasks.retry()
    }
    expect(await proof).to.match(/^no GPU 2 \(task [0-9a-f]{32}, 3 attempts, the last by s1\)$/)
  })

  it('who has failed at a task gets it again only when nobody else is there', async () => {
    const ends = new AbortController()
    const proof = failure(tasks.prove(task(1000), { signal: ends.signal }))
    const { claim } = await claimed('s1')
    tasks.slaves.heard('s2')
    await tasks.fail('s1', claim, 'no GPU')
    await tasks.retry()
    expect(await tasks.claim('s1', null)).to.equal(null)
    clock.advance(MINUTE + 1)
    expect((await claimed('s1')).claim.retry_count).to.equal(1)
    ends.abort(new Error('closed'))
    expect(await proof).to.equal('closed')
  })

  it('an output that was of no use is made again by another slave; one that nobody has seen yet is kept', async () => {
    const first = tasks.prove(task(1000), { signal: never })
    const { claim } = await claimed('s1')
    await tasks.complete('s1', claim, output(1))
    await first
    const restarted = master()
    expect((await restarted.prove(task(1000), { signal: never })).proofs).to.deep.equal([Uint8Array.of(1)])
    const second = restarted.prove(task(1000), { signal: never })
    restarted.slaves.heard('s1')
    const again = await claimed('s2', restarted)
    expect(again.claim).to.deep.include({ id: claim.id, retry_count: 0 })
    await restarted.complete('s2', again.claim, output(2))
    expect((await second).proofs).to.deep.equal([Uint8Array.of(2)])
    expect(await db('tasks_archived').pluck('slave')).to.deep.equal(['s1'])
  })

  it('who asks again for what has failed has it tried anew', async () => {
    const ask = () => tasks.prove(task(1000), { signal: never })
    const first = failure(ask())
    for (let attempt = 0; attempt <= 2; attempt++) {
      await tasks.fail('s1', (await claimed('s1')).claim, 'no GPU')
      await tasks.retry()
    }
    await first
    const second = ask()
    const { claim } = await claimed('s1')
    expect(claim.retry_count).to.equal(0)
    await tasks.complete('s1', claim, output(5))
    expect((await second).proofs).to.deep.equal([Uint8Array.of(5)])
  })

  it('another challenge for the same sectors takes the place of the former one, whose slave is told', async () => {
    const former = failure(tasks.prove(task(1000, 1), { signal: never }))
    const { claim } = await claimed('s1')
    const latter = tasks.prove(task(1000, 2), { signal: never })
    expect(await former).to.match(/^the challenge has changed: task [0-9a-f]{32} takes its place$/)
    // Who waited is told before the database is.
    const told = await eventually('a slave that is told', 10_000, async () => {
      const ended = await tasks.heartbeat('s1', [claim])
      return ended.length > 0 ? ended : undefined
    })
    expect(told).to.deep.equal([claim.id])
    const next = await claimed('s1')
    expect(next.task.seed).to.deep.equal(new Uint8Array(32).fill(2))
    await tasks.complete('s1', next.claim, output(9))
    await latter
  })

  it('a master that starts again has its slaves go on, and gives no task away that nobody asks for', async () => {
    const ends = new AbortController()
    const asked = [task(1), task(2)].map(each => failure(tasks.prove(each, { signal: ends.signal })))
    const { claim, task: of } = await claimed('s1')
    await eventually('both', 5_000, async () => ((await db('tasks').select('id')).length === 2 ? true : undefined))
    ends.abort(new Error('the manager is gone'))
    await Promise.all(asked)
    clock.advance(MINUTE)
    const next = master()
    await next.expire()
    expect(await next.claim('s2', null)).to.equal(null)
    expect(await next.heartbeat('s1', [claim])).to.deep.equal([])
    const proof = next.prove(of, { signal: never })
    await next.complete('s1', claim, output(4))
    clock.advance(3 * SECOND)
    expect((await proof).proofs).to.deep.equal([Uint8Array.of(4)])
  })

  it('a task that nobody wants any more is taken from its slave after three minutes', async () => {
    const ends = new AbortController()
    const proof = failure(tasks.prove(task(1000), { signal: ends.signal }))
    const { claim } = await claimed('s1')
    ends.abort(new Error('closed'))
    await proof
    for (let at = 0; at < 18; at++) {
      expect(await tasks.heartbeat('s1', [claim])).to.deep.equal([])
      clock.advance(10 * SECOND)
    }
    expect(await tasks.heartbeat('s1', [claim])).to.deep.equal([claim.id])
    expect((await row(claim.id)).started_at).to.equal(null)
  })

  it('an output that another master has got is seen at the next look', async () => {
    const other = master()
    const proof = tasks.prove(task(1000), { signal: never })
    const { claim } = await claimed('s1')
    await other.complete('s1', claim, output(6))
    clock.advance(3 * SECOND)
    expect((await proof).proofs).to.deep.equal([Uint8Array.of(6)])
  })

  it('a task that is given back is as it was', async () => {
    const ends = new AbortController()
    const proof = failure(tasks.prove(task(1000), { signal: ends.signal }))
    const { claim } = await claimed('s1')
    expect(await tasks.release('s1', claim)).to.equal(true)
    expect(await tasks.release('s1', claim)).to.equal(false)
    expect((await claimed('s1')).claim.retry_count).to.equal(0)
    ends.abort(new Error('closed'))
    await proof
  })

  it('S001-15 S001-16 S003-60 S003-66: what is older than should_archive goes to tasks_archived, but nothing that is being worked on or waited for', async () => {
    const ends = new AbortController()
    const done = tasks.prove(task(1), { signal: never })
    const first = await claimed('s1')
    await tasks.complete('s1', first.claim, output(1))
    await done
    const others = [task(2), task(3)].map(each => failure(tasks.prove(each, { signal: ends.signal })))
    const running = await claimed('s1')
    clock.advance(48 * 60 * MINUTE)
    await tasks.archive(48 * 60 * MINUTE, 0)
    expect(await db('tasks_archived').pluck('id')).to.deep.equal([])
    clock.advance(SECOND)
    await tasks.archive(48 * 60 * MINUTE, 0)
    const archived = await db('tasks_archived').select()
    expect(archived.map(({ id }) => id)).to.deep.equal([first.claim.id])
    expect(archived[0]).to.deep.include({ slave: 's1', retry_count: 0, error_reason: null })
    expect(archived[0].out_body.toString()).to.equal('{"proofs":["AQ=="],"faults":[]}')
    expect(await db('tasks').pluck('id'))
      .to.have.length(2)
      .and.include(running.claim.id)
    ends.abort(new Error('closed'))
    await Promise.all(others)
  })

  it('S003-61: tasks_view shows times as texts', async () => {
    const at = Math.floor(new Date(2026, 10, 29, 1, 2, 3).getTime() / 1_000)
    await db('tasks').insert({ id: 'x', in_body: Buffer.from('{}'), created_at: at, finished_at: at })
    const [seen] = await db('tasks_view').select()
    const { id, created_at, started_at, finished_at, heartbeat_at } = seen
    expect({ id, started_at, heartbeat_at }).to.deep.equal({ id: 'x', started_at: null, heartbeat_at: null })
    expect(created_at).to.match(/^2026-11-2[89] \d\d:\d\d:03$/)
    expect(finished_at).to.equal(created_at)
  })

  if (database.name === 'MariaDB') {
    const described = async (of: Knex, table: string) =>
      (
        await of.raw(
          `SELECT column_name AS name, column_type AS type, is_nullable AS nullable, column_key AS keyed, column_default AS otherwise
           FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`,
          [table],
        )
      )[0]

    it('S001-10 S003-63: the connections are as many as min_connections, max_connections and idle_timeout say', async () => {
      const pool = { min: 2, max: 5, idleMs: 600_000 }
      const pooled = await openDatabase({ dsn: await database.fresh(), migrations: wdpostMigrations, pool })
      const { min, max, idleTimeoutMillis } = pooled.client.pool
      expect({ min, max, idleMs: idleTimeoutMillis }).to.deep.equal(pool)
      await pooled.destroy()
    })

    it('S003-58 S003-59 S003-60 S003-61: the tables and the view are those that operators made by hand, which are taken as they are', async () => {
      const dsn = await database.fresh()
      const byHand = knex({ client: 'mysql2', connection: dsn, pool: { min: 0, max: 1 } })
      for (const statement of TABLES_BY_HAND) await byHand.raw(statement)
      await byHand('tasks').insert({ id: 'old', in_body: Buffer.from('{}'), created_at: 1 })
      for (const table of ['tasks', 'tasks_archived', 'tasks_view'])
        expect(await described(db, table), table).to.deep.equal(await described(byHand, table))
      const engine =
        "SELECT engine, table_collation AS collation FROM information_schema.tables WHERE table_name = 'tasks' AND table_schema = DATABASE()"
      expect((await db.raw(engine))[0]).to.deep.equal((await byHand.raw(engine))[0])
      const taken = await openDatabase({ dsn, migrations: wdpostMigrations })
      expect(await taken('tasks').pluck('id')).to.deep.equal(['old'])
      await taken.destroy()
      await byHand.destroy()
    })
  }
})
