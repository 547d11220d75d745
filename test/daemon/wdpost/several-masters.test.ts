import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../daemon/kit/database.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { WindowTasks } from '../../../daemon/wdpost/master/window-tasks.js'
import { TaskRepository } from '../../../daemon/wdpost/tasks/task-repository.js'
import { wdpostMigrations } from '../../../migrations/wdpost/index.js'
import type { WindowPoStTask } from '../../../rpc-schema/processor/post.js'
import type { GivenWindowTask } from '../../../rpc-schema/wdpost/index.js'
import { eventually } from '../../harness/eventually.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { FakeClock } from '../worker/support/fake-clock.js'

const LIMIT_MS = 60_000
const limits = { timeout: 300_000, maxRetry: 2, heartbeatTimeout: 15_000 }
const never = new AbortController().signal

const task = (seed: number, change: Partial<WindowPoStTask> = {}): WindowPoStTask => ({
  miner_id: 1000,
  proof_type: 13,
  replicas: [{ sector_id: 1, comm_r: new Uint8Array(32), cache_dir: '/st/cache/1', sealed_file: '/st/sealed/1' }],
  seed: new Uint8Array(32).fill(seed),
  ...change,
})
const output = { proofs: [Uint8Array.of(7)], faults: [] }

onEachDatabase('wdpost: trials, and several masters on one database', database => {
  let db: Knex
  let clock: FakeClock
  let ours: WindowTasks
  let theirs: WindowTasks

  beforeEach(async function () {
    this.currentTest!.timeout(2 * LIMIT_MS)
    db = await openDatabase({ dsn: await database.fresh(), migrations: wdpostMigrations })
    clock = new FakeClock()
    ours = master()
    theirs = master()
  })
  afterEach(() => db.destroy())

  const master = (): WindowTasks =>
    new WindowTasks({ tasks: new TaskRepository(db, clock), limits, clock, log: silentLog })
  const claimed = (slave: string, of: WindowTasks): Promise<GivenWindowTask> =>
    eventually('a task', LIMIT_MS, async () => (await of.claim(slave, null)) ?? undefined)
  const failure = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'no failure',
      (error: Error) => error.message,
    )
  const rows = (count: number) =>
    eventually(`${count} tasks`, LIMIT_MS, async () =>
      (await db('tasks').select('id')).length === count ? true : undefined,
    )
  /** The clock goes on until the work is done. */
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false
    void work.finally(() => (isDone = true)).catch(() => {})
    await eventually('its end', LIMIT_MS, () => {
      clock.advance(1_000)
      return isDone || undefined
    })
    return work
  }

  it('a trial of the same sectors takes the place of no real proof, of this master or of another', async () => {
    const real = ours.prove(task(1), { signal: never })
    const { claim } = await claimed('s1', ours)
    const ends = new AbortController()
    const trials = [ours, theirs].map(of => failure(of.prove(task(2, { trial: true }), { signal: ends.signal })))
    await rows(2)
    // Of two trials neither has a right to the other's place.
    trials.push(failure(ours.prove(task(3, { trial: true }), { signal: ends.signal })))
    await rows(3)
    expect(await ours.heartbeat('s1', [claim])).to.deep.equal([])
    expect(await ours.complete('s1', claim, output)).to.equal('recorded')
    expect((await real).proofs).to.have.length(1)
    ends.abort(new Error('the test is over'))
    expect(await Promise.all(trials)).to.deep.equal(trials.map(() => 'the test is over'))
  })

  it('a trial is another task than a real proof of the same, and is given to slaves after all of these', async () => {
    const ends = new AbortController()
    const trial = failure(ours.prove(task(1, { trial: true }), { signal: ends.signal }))
    await rows(1)
    clock.advance(1_000)
    const real = theirs.prove(task(1), { signal: never })
    await rows(2)
    expect(await theirs.claim('s2', null)).to.have.nested.property('claim.id')
    expect(await theirs.claim('s2', null), 'the trial is of the other master').to.equal(null)
    const given = await claimed('s1', ours)
    expect(given.task.trial).to.equal(true)
    await theirs.complete('s2', { ...given.claim, id: (await db('tasks').where('slave', 's2').first('id')).id }, output)
    expect((await real).proofs).to.have.length(1)
    ends.abort(new Error('the test is over'))
    await trial
  })

  it('trials give way to a real proof: their slaves are free for it', async () => {
    const trial = failure(ours.prove(task(1, { trial: true }), { signal: never }))
    const { claim } = await claimed('s1', ours)
    const other = { replicas: [{ ...task(1).replicas[0]!, sector_id: 2 }] }
    const real = ours.prove(task(3, other), { signal: never })
    expect(await trial).to.contain('trials give way to it')
    await eventually('a slave that is told', LIMIT_MS, async () =>
      (await ours.heartbeat('s1', [claim])).length > 0 ? true : undefined,
    )
    const next = await claimed('s1', ours)
    expect(next.task.replicas[0]!.sector_id).to.equal(2)
    await ours.complete('s1', next.claim, output)
    await real
  })

  it('what a master gives up, and another one waits for, goes on with the slave of that one', async () => {
    // Both managers want the same proof: the first was silent for a while, and the second has taken its partition over.
    const stale = failure(ours.prove(task(1), { signal: never }))
    await rows(1)
    const wanted = theirs.prove(task(1), { signal: never })
    const { claim } = await claimed('their slave', theirs)
    ours.slaves.heard('our slave')
    const ends = new AbortController()
    const next = failure(ours.prove(task(2), { signal: ends.signal }))
    expect(await stale).to.contain('the challenge has changed')
    await rows(2)
    expect(await theirs.heartbeat('their slave', [claim])).to.deep.equal([])
    expect(await theirs.complete('their slave', claim, output)).to.equal('recorded')
    expect((await inTime(wanted)).proofs).to.have.length(1)
    ends.abort(new Error('the test is over'))
    await next
  })
})
