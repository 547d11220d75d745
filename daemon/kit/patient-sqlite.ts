import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'

/** So long a statement waits for another process that has the file, ms. */
const PATIENCE_MS = 40_000
const PAUSE_MS = { first: 10, most: 200 } as const

/**
 * SQLite's own way to wait for a lock stops the whole process; here a statement that finds the file locked is tried again while everything else goes
 * on. What it found locked it has not begun, so that it may be repeated, also within a transaction.
 */
export async function patiently<T>(run: () => T | Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE_MS
  for (let pauseMs: number = PAUSE_MS.first; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS.most)) {
    try {
      return await run()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'SQLITE_BUSY' || performance.now() >= end) throw error
      await sleep(pauseMs)
    }
  }
}

/** What knex's client for SQLite is, as far as it matters here; its module has no types. */
type StatementClient = new (
  config: Knex.Config,
) => Knex.Client & { _query(connection: unknown, query: unknown): Promise<unknown> }

/** knex's client for SQLite, with patience; loaded only by what opens a database. */
export function patientSqlite(): typeof Knex.Client {
  const SqliteClient = createRequire(import.meta.url)('knex/lib/dialects/better-sqlite3/index.js') as StatementClient
  class PatientSqlite extends SqliteClient {
    override _query(connection: unknown, query: unknown): Promise<unknown> {
      return patiently(() => super._query(connection, query))
    }
  }
  return PatientSqlite as unknown as typeof Knex.Client
}
