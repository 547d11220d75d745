import { mkdirSync } from 'node:fs'
import { loadKnex } from '../kit/database.js'

/**
 * Keeps a second manager off a home. The lock is one that SQLite takes from the system, so it ends with the process, however that ends.
 * Returns what gives it back; throws an Error when another process has it.
 */
export async function lockHome(dir: string): Promise<() => Promise<void>> {
  mkdirSync(dir, { recursive: true })
  const knex = await loadKnex()
  const db = knex({
    client: 'better-sqlite3',
    connection: { filename: `${dir}/manager.lock` },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  })
  try {
    await db.raw('PRAGMA busy_timeout = 500')
    await db.raw('BEGIN EXCLUSIVE')
  } catch (error) {
    await db.destroy()
    throw new Error(`another manager runs on ${dir}: two would send the same sectors (${(error as Error).message})`, {
      cause: error,
    })
  }
  return () => db.destroy()
}
