import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, expect } from 'chai'
import type { Knex } from 'knex'
import { type Migration, openDatabase } from '../../../daemon/kit/database.js'
import { GroupCommit } from '../../../daemon/kit/group-commit.js'
import { WalSync } from '../../../daemon/kit/wal-sync.js'
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
  /** A disk that takes what it is asked for when it is told to. */
  class SlowDisk {
    readonly #asked: (() => void)[] = []
    #told = (): void => {}
    sync = (): Promise<void> =>
      new Promise(resolve => {
        this.#asked.push(resolve)
        this.#told()
      })
    async asked(): Promise<void> {
      if (this.#asked.length === 0) await new Promise<void>(resolve => (this.#told = resolve))
    }
    async takes(): Promise<void> {
      await this.asked()
      this.#asked.shift()!()
    }
  }

  it('are answered when they are on the disk, and the process goes on meanwhile with what may be lost', async () => {
    const disk = new SlowDisk()
    commits = new GroupCommit(db, () => disk)
    const done: string[] = []
    const kept = note(1).then(() => done.push('kept'))
    await disk.asked()
    const behind = note(2).then(() => done.push('behind'))
    await commits.run(trx => trx('notes').insert({ number: 3 }), { mayBeLost: true })
    done.push('light')
    expect(await db('notes').pluck('number')).to.have.members([1, 3])
    await disk.takes()
    await kept
    await disk.takes()
    await behind
    expect(done).to.deep.equal(['light', 'kept', 'behind'])
  })
  it('do not wait for the disk to be free when there are enough of them, but for two others', async () => {
    const disk = new SlowDisk()
    commits = new GroupCommit(db, () => disk)
    const committed = async (): Promise<number> => (await db('notes').pluck('number')).length
    const all = [note(0)]
    await disk.asked()
    for (let number = 1; number <= 8; number++) all.push(note(number))
    await commits.run(async () => {}, { mayBeLost: true })
    expect(await committed()).to.equal(9)
    for (let number = 9; number <= 20; number++) all.push(note(number))
    await commits.run(async () => {}, { mayBeLost: true })
    expect(await committed(), 'two are on their way to the disk').to.equal(9)
    for (let turn = 0; turn < 3; turn++) await disk.takes()
    await Promise.all(all)
    expect(await committed()).to.equal(21)
  })
  it('tell their callers when the disk does not take them, and go on', async () => {
    let broken = true
    commits = new GroupCommit(db, () => ({ sync: async () => assert(!broken, 'input/output error') }))
    const outcome = await note(1).catch((error: Error) => error.message)
    expect(outcome).to.equal('input/output error')
    broken = false
    expect(await note(2)).to.equal(2)
  })
  it('leave the wait for the disk to the log of the database, and SQLite waits for nothing', async () => {
    await db.destroy()
    const dir = mkdtempSync(join(tmpdir(), 'sealyard-wal-'))
    db = await openDatabase({ dsn: join(dir, 'notes.db'), migrations: [schema] })
    const waits: unknown[] = []
    let synced = 0
    commits = new GroupCommit(db, connection => ({
      sync: () => {
        synced += 1
        return WalSync.of(connection)!.sync()
      },
    }))
    const noted = (trx: Knex.Transaction): Promise<void> =>
      trx.raw('PRAGMA synchronous').then((rows: { synchronous: number }[]) => void waits.push(rows[0]!.synchronous))
    await Promise.all([commits.run(noted, { mayBeLost: true }), commits.run(noted, { mayBeLost: true })])
    expect(synced).to.equal(0)
    await Promise.all([commits.run(noted, { mayBeLost: true }), commits.run(noted)])
    expect(synced).to.equal(1)
    const [NORMAL, FULL] = [1, 2]
    expect(waits).to.deep.equal([NORMAL, NORMAL, NORMAL, NORMAL])
    await db.transaction(noted)
    expect(waits.at(-1), 'outside of it all is as before').to.equal(FULL)
    rmSync(dir, { recursive: true })
  })
  it('do not wait where all of them may be lost, and the next one does, where the log cannot be brought to the disk', async () => {
    commits = new GroupCommit(db, () => undefined)
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
