import { expect } from 'chai'
import type { Knex } from 'knex'
import { type Migration, openDatabase } from '../../../daemon/kit/database.js'
import { GroupCommit } from '../../../daemon/kit/group-commit.js'
import { onEachDatabase } from '../../harness/on-each-database.js'

const schema: Migration = {
  name: 'notes',
  up: db => db.schema.createTable('notes', table => void table.integer('number').primary()),
}

onEachDatabase('transactions that arrive together', database => {
  let db: Knex
  let commits: GroupCommit

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: [schema] })
    commits = new GroupCommit(db)
  })
  afterEach(() => db.destroy())

  const note = (number: number, fail = false): Promise<number> =>
    commits.run(async trx => {
      await trx('notes').insert({ number })
      if (fail) throw new Error(`no ${number}`)
      return number
    })

  it('are each done or undone alone', async () => {
    const outcomes = await Promise.allSettled([note(1), note(2, true), note(3), note(1), note(4)])
    expect(outcomes.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect((await db('notes').pluck('number')).sort()).to.deep.equal([1, 3, 4])
    await note(5, true).catch(() => {})
    expect(await db('notes').where({ number: 5 })).to.deep.equal([])
  })

  // Only there one writer waits for another.
  if (database.name !== 'SQLite') return
  it('wait together for the disk', async () => {
    let transactions = 0
    db.on('query', ({ sql }: { sql: string }) => {
      if (sql === 'COMMIT;') transactions += 1
    })
    await Promise.all(Array.from({ length: 65 }, (_, number) => note(number)))
    expect(transactions, 'the first, then 64 together').to.equal(2)
  })
  it('do not wait for it where all of them may be lost, and the next one does', async () => {
    const waits: unknown[] = []
    const noted = (trx: Knex.Transaction): Promise<void> =>
      trx.raw('PRAGMA synchronous').then((rows: { synchronous: number }[]) => void waits.push(rows[0]!.synchronous))
    await Promise.all([commits.run(noted, { mayBeLost: true }), commits.run(noted, { mayBeLost: true })])
    await Promise.all([commits.run(noted, { mayBeLost: true }), commits.run(noted)])
    await commits.run(() => Promise.reject(new Error('no')), { mayBeLost: true }).catch(() => {})
    await commits.run(noted)
    const [NORMAL, FULL] = [1, 2]
    expect(waits).to.deep.equal([NORMAL, NORMAL, FULL, FULL, FULL])
  })
})
