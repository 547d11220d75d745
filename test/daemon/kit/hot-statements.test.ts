import { expect } from 'chai'
import type { Knex } from 'knex'
import {
  hotRows,
  hotRun,
  inRelaxedTransaction,
  inTransaction,
  type Migration,
  openDatabase,
} from '../../../daemon/kit/database.js'
import { onEachDatabase } from '../../harness/on-each-database.js'

const schema: Migration = {
  name: 'notes',
  up: db => db.schema.createTable('notes', table => void table.integer('number').primary()),
}
const INSERT = 'insert into notes (number) values (?)'
const COUNT = 'select count(*) as count from notes where number >= ?'

onEachDatabase('statements that come often', database => {
  let db: Knex

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: [schema] })
  })
  afterEach(() => db.destroy())

  const count = async (on: Knex = db): Promise<number> =>
    Number((await hotRows<{ count: number | string }>(on, COUNT, [0]))[0]!.count)

  it('are part of the transaction that they are given', async () => {
    await hotRun(db, INSERT, [1])
    const undone = inTransaction(db, async trx => {
      await hotRun(trx, INSERT, [2])
      expect(await count(trx)).to.equal(2)
      throw new Error('no')
    })
    await undone.catch(() => {})
    expect(await count()).to.equal(1)
    await inRelaxedTransaction(db, trx => hotRun(trx, INSERT, [3]))
    expect(await count()).to.equal(2)
  })

  it('are refused by a transaction that has ended', async () => {
    const ended = await inTransaction(db, async trx => ({ trx }))
    const outcome = await hotRun(ended.trx, INSERT, [1]).then(
      () => 'done',
      () => 'refused',
    )
    expect(outcome).to.equal('refused')
    expect(await count()).to.equal(0)
  })

  // Only there a statement is prepared on a connection that can be looked at.
  if (database.name === 'SQLite')
    it('are prepared once, those that begin WITH as well, and do not cost the others theirs', async () => {
      const connection = (await db.client.acquireConnection()) as { prepare(sql: string): unknown }
      try {
        const withOne = 'WITH one(n) AS (SELECT 1) SELECT n FROM one'
        const [kept, other] = [connection.prepare(withOne), connection.prepare(COUNT)]
        expect(connection.prepare(COUNT)).to.equal(other)
        expect(connection.prepare(withOne)).to.equal(kept)
        connection.prepare('PRAGMA user_version')
        expect(connection.prepare(COUNT), 'after what may change the schema').to.not.equal(other)
      } finally {
        await db.client.releaseConnection(connection)
      }
    })

  it('know the columns of a table that has got another one', async () => {
    await db('notes').insert({ number: 1 })
    const all = (): Promise<object[]> => db('notes').select()
    expect((await all()).map(Object.keys)).to.deep.equal([['number']])
    await db.schema.alterTable('notes', table => void table.integer('more'))
    expect((await all()).map(Object.keys)).to.deep.equal([['number', 'more']])
  })
})
