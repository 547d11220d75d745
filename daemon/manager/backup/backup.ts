import { constants, existsSync } from 'node:fs'
import { copyFile, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { managerMigrations } from '../../../migrations/manager/index.js'
import type { Clock } from '../../kit/clock.js'
import { loadKnex, openDatabase } from '../../kit/database.js'
import { tokenSecretFile } from '../access/token-secret.js'
import { databaseDsn } from '../config/database-dsn.js'
import type { ManagerHome } from '../config/home.js'
import { loadSettingsFile } from '../config/load-settings.js'
import { dumpRows, migrationNames, rowCounts } from './database-rows.js'
import { describeFile, type Manifest, manifestFile, newManifest } from './manifest.js'

export const DATABASE_FILE = 'manager.db'

export interface BackupOptions {
  readonly home: ManagerHome
  /** Made by the backup; must not be there yet, or be empty. */
  readonly dir: string
  readonly version: string
  readonly clock: Clock
  /** Rows in place of the file of a SQLite database: for a restore into another kind of database. */
  readonly asRows: boolean
}

/** Copies the state of a manager, which may run meanwhile. The directory is there when it is complete, or not at all. */
export async function makeBackup({ home, dir, version, clock, asRows }: BackupOptions): Promise<Manifest> {
  const target = resolve(dir)
  if (existsSync(target) && (await readdir(target)).length > 0)
    throw new Error(`${target} is not empty: a backup gets a directory of its own`)
  const { config: setup } = loadSettingsFile(home.configFile)
  const dsn = databaseDsn(setup, home)
  const inFile = dsn === home.databaseFile
  if (inFile && !existsSync(home.databaseFile)) throw new Error(`${home.databaseFile} is not there: nothing to back up`)
  const partial = join(dirname(target), `.${basename(target)}.part`)
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true, mode: 0o700 })
  try {
    const copiedAt = clock.now()
    const database = inFile ? await copySqlite(home.databaseFile, partial, asRows) : await dumpOf(dsn, partial)
    const files = [...database.files]
    for (const [source, name] of [
      [tokenSecretFile(home.dir), basename(tokenSecretFile(home.dir))],
      [join(home.dir, 'tokens.jsonl'), 'tokens.jsonl'],
      [home.configFile, basename(home.configFile)],
      [join(dirname(home.configFile), 'ext-prover.cfg'), 'ext-prover.cfg'],
    ] as const) {
      if (!existsSync(source)) continue
      await copyFile(source, join(partial, name), constants.COPYFILE_EXCL)
      files.push(name)
    }
    const manifest = newManifest({
      copiedAt,
      version,
      database: database.kind,
      migrations: database.migrations,
      rows: database.rows,
      files: await Promise.all(files.map(name => describeFile(partial, name))),
    })
    for (const name of files) await synced(join(partial, name))
    await writeFile(manifestFile(partial), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 })
    await synced(manifestFile(partial))
    await rm(target, { recursive: true, force: true })
    await rename(partial, target)
    await synced(dirname(target))
    return manifest
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

interface DatabaseCopy {
  readonly kind: Manifest['database']
  readonly files: readonly string[]
  readonly rows: Record<string, number>
  readonly migrations: string[]
}

/** By SQLite's own backup, which gives one moment of a database that is written to. */
async function copySqlite(source: string, dir: string, asRows: boolean): Promise<DatabaseCopy> {
  const copy = join(dir, DATABASE_FILE)
  const knex = await loadKnex()
  const from = knex({
    client: 'better-sqlite3',
    connection: { filename: source, options: { readonly: true } },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  })
  try {
    const connection = (await from.client.acquireConnection()) as { backup(file: string): Promise<unknown> }
    try {
      await connection.backup(copy)
    } finally {
      await from.client.releaseConnection(connection)
    }
  } finally {
    await from.destroy()
  }
  const db = await openDatabase({ dsn: copy, migrations: managerMigrations })
  try {
    if (asRows) return { kind: 'rows', ...(await dumpRows(db, dir)) }
    return { kind: 'sqlite', files: [DATABASE_FILE], rows: await rowCounts(db), migrations: await migrationNames(db) }
  } finally {
    await db.destroy()
    if (asRows) await rm(copy)
    for (const more of ['-wal', '-shm']) await rm(`${copy}${more}`, { force: true })
  }
}

async function dumpOf(dsn: string, dir: string): Promise<DatabaseCopy> {
  const db = await openDatabase({ dsn, migrations: managerMigrations })
  try {
    return { kind: 'rows', ...(await dumpRows(db, dir)) }
  } finally {
    await db.destroy()
  }
}

async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
