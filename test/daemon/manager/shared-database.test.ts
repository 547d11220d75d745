import { expect } from 'chai'
import type { Knex } from 'knex'
import { inTransaction, type Migration, openDatabase } from '../../../daemon/kit/database.js'
import { managerMigrations } from '../../../migrations/manager/index.js'
import { onEachDatabase } from '../../harness/on-each-database.js'

onEachDatabase('manager: a database', database => {
  let dsn: string
  const open: Knex[] = []

  const connect = async (migrations: readonly Migration[] = managerMigrations): Promise<Knex> => {
    const db = await openDatabase({ dsn, migrations })
    open.push(db)
    return db
  }

  beforeEach(async () => {
    dsn = await database.fresh()
  })
  afterEach(async () => {
    for (const db of open.splice(0)) await db.destroy()
  })

  it('gets the whole schema, and can be taken back to nothing', async () => {
    const db = await connect()
    expect(await db.schema.hasTable('sector_history')).to.equal(true)
    for (const migration of managerMigrations.toReversed()) await migration.down!(db)
    expect(await db.schema.hasTable('sectors')).to.equal(false)
  })

  it('tells texts apart by every bit', async () => {
    const db = await connect()
    const ping = (name: string) => ({ name, info: '{}', last_ping: 1 })
    await db('worker_pings').insert([ping('Worker'), ping('worker'), ping('wörker'), ping('🦀')])
    expect(await db('worker_pings').where({ name: 'worker' }).pluck('name')).to.deep.equal(['worker'])
    expect(await db('worker_pings').where({ name: '🦀' }).pluck('name')).to.deep.equal(['🦀'])
  })

  it('keeps numbers of any size that the chain knows', async () => {
    const db = await connect()
    await db('sector_numbers').insert({ miner: Number.MAX_SAFE_INTEGER, last: Number.MAX_SAFE_INTEGER })
    const row = await db('sector_numbers').where({ miner: Number.MAX_SAFE_INTEGER }).first()
    expect(Number(row.last)).to.equal(Number.MAX_SAFE_INTEGER)
  })

  if (database.name === 'SQLite') return

  it('is prepared once when several processes open it together', async () => {
    let runs = 0
    const slow: Migration = {
      name: '001-slow',
      async up(db) {
        runs += 1
        await db.raw('SELECT SLEEP(0.2)')
        await db.schema.createTable('once', table => table.increments('id'))
      },
    }
    await Promise.all([connect([slow]), connect([slow]), connect([slow])])
    expect(runs).to.equal(1)
  })

  it('can be opened after a process was killed while it prepared it', async () => {
    const db = await connect()
    await db('knex_migrations_lock').update({ is_locked: 1 })
    await connect()
  })

  it('undoes one of two transactions that wait for each other, which is run again', async () => {
    const [one, two] = [await connect(), await connect()]
    await one('sector_numbers').insert([
      { miner: 1, last: 0 },
      { miner: 2, last: 0 },
    ])
    let meet = (): void => {}
    const met = new Promise<void>(resolve => {
      meet = resolve
    })
    let first = 0
    let runs = 0
    const crossing = (db: Knex, order: readonly number[]) =>
      inTransaction(db, async trx => {
        runs += 1
        await trx('sector_numbers').where({ miner: order[0] }).increment('last', 1)
        if (++first === 2) meet()
        await met
        await trx('sector_numbers').where({ miner: order[1] }).increment('last', 1)
      })
    await Promise.all([crossing(one, [1, 2]), crossing(two, [2, 1])])
    expect(runs).to.equal(3)
    expect((await one('sector_numbers').orderBy('miner').pluck('last')).map(Number)).to.deep.equal([2, 2])
  })
})
