import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Knex } from 'knex'
import { inTransaction, isSqlite, withSqliteConnection } from './database.js'
import { relaxed, type SqliteConnection } from './sqlite-statements.js'

interface Waiting {
  readonly work: (trx: Knex.Transaction) => Promise<unknown>
  readonly mayBeLost: boolean
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Works in one transaction at the most: the first of a long queue is not to wait for all of them. */
const MOST_TOGETHER = 64

const ofDatabase = new WeakMap<Knex, GroupCommit>()

/**
 * Transactions that arrive together are committed together where the database has one writer: SQLite waits for the disk at every commit, and sixteen
 * writers need not wait sixteen times. A work that fails is undone alone. Where writers run side by side each work is a transaction of its own.
 */
export class GroupCommit {
  readonly #db: Knex
  readonly #oneWriter: boolean
  readonly #waiting: Waiting[] = []
  #running = false

  /** The one of a database: whoever writes to it waits together. */
  static of(db: Knex): GroupCommit {
    const known = ofDatabase.get(db) ?? new GroupCommit(db)
    ofDatabase.set(db, known)
    return known
  }

  constructor(db: Knex) {
    this.#db = db
    this.#oneWriter = isSqlite(db)
  }

  /**
   * May be run again when the database undoes it in favour of another, so `work` does nothing outside the database. `mayBeLost`: it is told again
   * when the power fails, and need not wait for the disk.
   */
  run<T>(work: (trx: Knex.Transaction) => Promise<T>, { mayBeLost = false } = {}): Promise<T> {
    if (!this.#oneWriter) return inTransaction(this.#db, work)
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, mayBeLost, resolve: resolve as (value: unknown) => void, reject })
      if (!this.#running) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#running = true
    try {
      while (this.#waiting.length > 0) {
        // A commit of SQLite holds up the whole process; requests that came meanwhile are still in their sockets and are to come along.
        await nextTurn()
        await this.#commit()
      }
    } finally {
      this.#running = false
    }
  }

  async #commit(): Promise<void> {
    let group: readonly Waiting[] = []
    try {
      const outcomes = await withSqliteConnection(this.#db, connection => {
        // Chosen now, and not before the connection was free: what has arrived meanwhile comes along. A second attempt is with the same.
        group = this.#waiting.splice(0, MOST_TOGETHER)
        const together = (): Promise<PromiseSettledResult<unknown>[]> => this.#together(group, connection)
        return group.every(({ mayBeLost }) => mayBeLost) ? relaxed(connection, together) : together()
      })
      for (const [at, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') group[at]!.resolve(outcome.value)
        else group[at]!.reject(outcome.reason)
      }
    } catch (error) {
      // Without a connection nothing was chosen: those that wait are told.
      if (group.length === 0) group = this.#waiting.splice(0)
      for (const { reject } of group) reject(error)
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
