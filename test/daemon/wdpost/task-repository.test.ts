import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../daemon/kit/database.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { WindowTasks } from '../../../daemon/wdpost/master/window-tasks.js'
import { TaskRepository } from '../../../daemon/wdpost/tasks/task-repository.js'
import { wdpostMigrations } from '../../../migrations/wdpost/index.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { FakeClock } from '../worker/support/fake-clock.js'

const DAY = 86_400_000

onEachDatabase('wdpost: tasks in the database', database => {
  let db: Knex
  let clock: FakeClock
  let repository: TaskRepository

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: wdpostMigrations })
    clock = new FakeClock()
    repository = new TaskRepository(db, clock)
  })
  afterEach(() => db.destroy())

  it('are counted by state, and by the slaves that work on them', async () => {
    for (const id of ['ready', 'running', 'lost', 'failed', 'done', 'old']) await repository.add(id, '{}')
    const take = async (id: string, slave: string) => (await repository.take((await repository.find(id))!, slave))!
    await take('running', 's1')
    await take('lost', 's1')
    await repository.fail('s2', await take('failed', 's2'), 'broken')
    await repository.complete('done', 's2', '{}')
    await repository.complete('old', 's2', '{}')
    await repository.renew('old')
    expect(await repository.counts()).to.deep.equal({ ready: 2, running: 2, failed: 1, done: 1, archived: 1 })
    expect([...(await repository.runningOf())]).to.deep.equal([['s1', 2]])
  })

  it('stay in the archive for as long as is set, and not for longer', async () => {
    const limits = { timeout: DAY, maxRetry: 2, heartbeatTimeout: 15_000 }
    const tasks = new WindowTasks({ tasks: repository, limits, clock, log: silentLog })
    const archived = async () => (await db('tasks_archived').orderBy('id').pluck<string[]>('id')).map(id => id.trim())
    for (let at = 0; at < 250; at++) await repository.add(`a${String(at).padStart(3, '0')}`, '{}')
    clock.advance(10 * DAY)
    await repository.add('b', '{}')
    clock.advance(20 * DAY)
    // Not yet: they are thirty days old, and twenty.
    await tasks.archive(2 * DAY, 30 * DAY)
    expect(await archived()).to.have.length(251)
    clock.advance(1_000)
    await tasks.archive(2 * DAY, 0)
    expect(await archived(), 'with 0 for ever').to.have.length(251)
    await tasks.archive(2 * DAY, 30 * DAY)
    expect(await archived()).to.deep.equal(['b'])
  })
})
