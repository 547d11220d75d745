import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { WorkerRegistry } from '../../../../daemon/manager/workers/worker-registry.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { eventually } from '../../../harness/eventually.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { fastClock } from '../manager-bench.js'

const info = (Name: string, Threads = 1) => ({
  Name,
  Dest: '127.0.0.1:1',
  Version: 'v',
  Summary: { Threads, Empty: 0, Paused: 0, Running: 1, Waiting: 0, Errors: 0 },
})

onEachDatabase('manager: pings of workers', database => {
  let db: Knex

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
  })
  afterEach(() => db.destroy())

  const stored = async (): Promise<string[]> => db('worker_pings').orderBy('name').pluck('name')

  it('are known at once and written together a moment later, the newest of each worker', async () => {
    const workers = new WorkerRegistry(db, fastClock(20), silentLog)
    for (let index = 0; index < 250; index++) workers.ping(info(`w${index}`))
    workers.ping(info('w7', 9))
    expect((await workers.find('w7'))!.Info.Summary.Threads).to.equal(9)
    expect(await workers.list()).to.have.length(250)
    await eventually('the pings on the disk', 5_000, async () => ((await stored()).length === 250 ? true : undefined))
    expect((await workers.find('w7'))!.Info.Summary.Threads).to.equal(9)
    await workers.close()
  })

  it('a stop writes what is not written yet; another manager sees it', async () => {
    const workers = new WorkerRegistry(db, systemClock, silentLog)
    workers.ping(info('a'))
    expect(await stored()).to.deep.equal([])
    await workers.close()
    const other = new WorkerRegistry(db, systemClock, silentLog)
    expect((await other.list()).map(({ Info }) => Info.Name)).to.deep.equal(['a'])
  })

  it('a worker that is removed does not come back by a ping that was not written', async () => {
    const workers = new WorkerRegistry(db, fastClock(1_000), silentLog)
    workers.ping(info('a'))
    await workers.remove('a')
    await workers.close()
    expect(await stored()).to.deep.equal([])
  })

  it('refuses one without a name or an address', () => {
    const workers = new WorkerRegistry(db, systemClock, silentLog)
    expect(() => workers.ping(info(''))).to.throw('worker name is required')
    expect(() => workers.ping({ ...info('a'), Dest: '' })).to.throw('worker dest is required')
  })
})
