import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Knex } from 'knex'

// The rows of a database in files, one JSON object a line: for databases that are no file.

const DIR = 'rows'
const AT_ONCE = 500
/** Large, and of no use to a manager that is restored: what was read for a window is read again. */
const PASSING: ReadonlySet<string> = new Set(['wdpost_vanillas'])
/** Knex's own tables are made by the migrations. */
const isOurs = (table: string): boolean =>
  !table.startsWith('knex_') && !table.startsWith('sqlite_') && !PASSING.has(table)

const isSqlite = (db: Knex): boolean => db.client.driverName === 'better-sqlite3'

export async function tableNames(db: Knex): Promise<string[]> {
  const rows = isSqlite(db)
    ? ((await db.raw("SELECT name FROM sqlite_master WHERE type = 'table'")) as { name: string }[])
    : (
        (await db.raw(
          "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'",
        )) as [{ name: string }[]]
      )[0]
  return rows
    .map(({ name }) => name)
    .filter(isOurs)
    .sort()
}

export async function migrationNames(db: Knex): Promise<string[]> {
  const rows: { name: string }[] = await db('knex_migrations').select('name').orderBy('id')
  return rows.map(({ name }) => name)
}

export async function rowCounts(db: Knex): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of await tableNames(db)) {
    const [row] = await db(table).count({ count: '*' })
    counts[table] = Number(row?.count)
  }
  return counts
}

/** Every table as it was at one moment. Answers the names of the files and how many rows each table has. */
export function dumpRows(
  db: Knex,
  dir: string,
): Promise<{ files: string[]; rows: Record<string, number>; migrations: string[] }> {
  return db.transaction(
    async trx => {
      await mkdir(join(dir, DIR), { recursive: true, mode: 0o700 })
      const files: string[] = []
      const rows: Record<string, number> = {}
      for (const table of await tableNames(trx)) {
        const name = `${DIR}/${table}.jsonl`
        let count = 0
        const lines = async function* (source: AsyncIterable<object>): AsyncIterable<string> {
          for await (const row of source) {
            count += 1
            yield `${JSON.stringify(row, asText)}\n`
          }
        }
        const source = isSqlite(trx) ? Readable.from(pages(trx, table)) : trx(table).stream()
        await pipeline(source, lines, createWriteStream(join(dir, name), { mode: 0o600 }))
        files.push(name)
        rows[table] = count
      }
      return { files, rows, migrations: await migrationNames(trx) }
    },
    isSqlite(db) ? {} : { isolationLevel: 'repeatable read' },
  )
}

async function* pages(db: Knex, table: string): AsyncIterable<object> {
  let after = 0
  for (;;) {
    const page: { row_at: number }[] = await db(table)
      .select('*', db.raw('rowid AS row_at'))
      .where(db.raw('rowid'), '>', after)
      .orderByRaw('rowid')
      .limit(AT_ONCE)
    for (const { row_at, ...row } of page) {
      after = row_at
      yield row
    }
    if (page.length < AT_ONCE) return
  }
}

/** Fills the empty tables of a database whose schema is that of the dump, all or nothing. */
export async function loadRows(db: Knex, dir: string, tables: readonly string[]): Promise<void> {
  const there = new Set(await tableNames(db))
  await db.transaction(async trx => {
    for (const table of tables) {
      if (!there.has(table)) throw new Error(`the backup has a table ${table}, which this version does not know`)
      await trx(table).delete()
      let batch: object[] = []
      const flush = async (): Promise<void> => {
        // SQLite takes a limited number of values in one statement.
        if (batch.length > 0) await trx.batchInsert(table, batch, 50)
        batch = []
      }
      const input = createReadStream(join(dir, DIR, `${table}.jsonl`))
      for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
        batch.push(JSON.parse(line, fromText) as object)
        if (batch.length >= AT_ONCE) await flush()
      }
      await flush()
    }
  })
}

interface BytesText {
  $bytes: string
}

function asText(this: unknown, key: string, value: unknown): unknown {
  // A Buffer has become an object of its own kind of JSON before it comes here.
  const original = (this as Record<string, unknown>)[key]
  if (original instanceof Uint8Array) return { $bytes: Buffer.from(original).toString('base64') } satisfies BytesText
  return typeof value === 'bigint' ? value.toString() : value
}

const fromText = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && typeof (value as BytesText).$bytes === 'string'
    ? Buffer.from((value as BytesText).$bytes, 'base64')
    : value
