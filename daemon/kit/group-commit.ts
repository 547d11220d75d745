import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Knex } from 'knex'
import { inTransaction, isSqlite, withSqliteConnection } from './database.js'
import { relaxed, type SqliteConnection } from './sqlite-statements.js'
import { WalSync } from './wal-sync.js'

interface Waiting {
  readonly work: (trx: Knex.Transaction) => Promise<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Works in one transaction at the most: the first of a long queue is not to wait for all of them. */
const MOST_TOGETHER = 64
/** While the disk is busy with others, so many are worth a transaction of their own; fewer wait until it is free. */
const ENOUGH_MEANWHILE = 8
const MOST_SYNCS = 2

const ofDatabase = new WeakMap<Knex, GroupCommit>()

/**
 * Transactions that arrive together are committed together where the database has one writer: SQLite waits for the disk at every commit, and sixteen
 * writers need not wait sixteen times. A work that fails is undone alone. Where writers run side by side each work is a transaction of its own.
 *
 * The wait for the disk is outside of SQLite ({@link WalSync}), and the process goes on meanwhile: with works that may be lost, and with reads. These see
 * what may still be lost with the power, so whoever acts on the world outside writes that down here first, as with a message, and waits: then all before
 * it is on the disk, too.
 */
export class GroupCommit {
  readonly #db: Knex
  readonly #oneWriter: boolean
  readonly #syncOf: (connection: SqliteConnection) => Pick<WalSync, 'sync'> | undefined
  /** Works whose callers are answered when they are on the disk, and when they are committed. */
  readonly #lasting: Waiting[] = []
  readonly #light: Waiting[] = []
  #running = false
  #syncs = 0

  /** The one of a database: whoever writes to it waits together. */
  static of(db: Knex): GroupCommit {
    const known = ofDatabase.get(db) ?? new GroupCommit(db)
    ofDatabase.set(db, known)
    return known
  }

  constructor(db: Knex, syncOf: (connection: SqliteConnection) => Pick<WalSync, 'sync'> | undefined = WalSync.of) {
    this.#db = db
    this.#oneWriter = isSqlite(db)
    this.#syncOf = syncOf
  }

  /**
   * May be run again when the database undoes it in favour of another, so `work` does nothing outside the database. `mayBeLost`: it is told again
   * when the power fails, and need not wait for the disk.
   */
  run<T>(work: (trx: Knex.Transaction) => Promise<T>, { mayBeLost = false } = {}): Promise<T> {
    if (!this.#oneWriter) return inTransaction(this.#db, work)
    return new Promise<T>((resolve, reject) => {
      const queue = mayBeLost ? this.#light : this.#lasting
      queue.push({ work, resolve: resolve as (value: unknown) => void, reject })
      void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      while (this.#light.length > 0 || this.#mayLast) {
        // A commit holds up the whole process; requests that came meanwhile are still in their sockets and are to come along.
        await nextTurn()
        await this.#commit()
      }
    } finally {
      this.#running = false
    }
  }

  /** Whether those that will wait for the disk are to be committed now. */
  get #mayLast(): boolean {
    const waiting = this.#lasting.length
    return this.#syncs === 0 ? waiting > 0 : waiting >= ENOUGH_MEANWHILE && this.#syncs < MOST_SYNCS
  }

  async #commit(): Promise<void> {
    let group: readonly Waiting[] = []
    try {
      const { outcomes, lasting, sync } = await withSqliteConnection(this.#db, async connection => {
        // Chosen now, and not before the connection was free: what has arrived meanwhile comes along. A second attempt is with the same.
        const chosen = this.#mayLast ? this.#lasting.splice(0, MOST_TOGETHER) : []
        group = [...chosen, ...this.#light.splice(0, MOST_TOGETHER - chosen.length)]
        const later = this.#syncOf(connection)
        const together = (): Promise<PromiseSettledResult<unknown>[]> => this.#together(group, connection)
        const isRelaxed = later !== undefined || chosen.length === 0
        const done = await (isRelaxed ? relaxed(connection, together) : together())
        return { outcomes: done, lasting: chosen.length, sync: chosen.length > 0 ? later : undefined }
      })
      const settle = (from: number, to: number): void => {
        for (let at = from; at < to; at++) settled(group[at]!, outcomes[at]!)
      }
      settle(lasting, group.length)
      if (sync === undefined) settle(0, lasting)
      else void this.#onDisk(sync, group.slice(0, lasting), () => settle(0, lasting))
    } catch (error) {
      // Without a connection nothing was chosen: those that wait are told.
      if (group.length === 0) group = [...this.#lasting.splice(0), ...this.#light.splice(0)]
      for (const { reject } of group) reject(error)
    }
  }

  async #onDisk(sync: Pick<WalSync, 'sync'>, group: readonly Waiting[], done: () => void): Promise<void> {
    this.#syncs += 1
    try {
      await sync.sync()
      done()
    } catch (error) {
      for (const { reject } of group) reject(error)
    } finally {
      this.#syncs -= 1
      void this.#drain()
    }
  }

  #together(group: readonly Waiting[], connection: SqliteConnection): Promise<PromiseSettledResult<unknown>[]> {
    const inTurn = async (trx: Knex.Transaction): Promise<PromiseSettledResult<unknown>[]> => {
      const settled: PromiseSettledResult<unknown>[] = []
      for (const { work } of group)
        settled.push(await undoneAlone(trx, work, group.length > 1 ? connection : undefined))
      return settled
    }
    return inTransaction(this.#db, inTurn, connection)
  }
}

function settled({ resolve, reject }: Waiting, outcome: PromiseSettledResult<unknown>): void {
  if (outcome.status === 'fulfilled') resolve(outcome.value)
  else reject(outcome.reason)
}

/** Alone in its transaction (without a connection here) a work needs no mark to go back to: its error ends the transaction. */
async function undoneAlone(
  trx: Knex.Transaction,
  work: Waiting['work'],
  connection: SqliteConnection | undefined,
): Promise<PromiseSettledResult<unknown>> {
  if (connection === undefined) return { status: 'fulfilled', value: await work(trx) }
  connection.prepare('SAVEPOINT work').run()
  try {
    return { status: 'fulfilled', value: await work(trx) }
  } catch (reason) {
    connection.prepare('ROLLBACK TO work').run()
    return { status: 'rejected', reason }
  } finally {
    connection.prepare('RELEASE work').run()
  }
}
