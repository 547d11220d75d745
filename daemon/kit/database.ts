import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import knex, { type Knex } from 'knex'

/** One step of a schema's history, in order; a name is never changed once it has run anywhere. */
export interface Migration {
  readonly name: string
  up(db: Knex): Promise<void>
  down?(db: Knex): Promise<void>
}

export interface DatabaseOptions {
  /** `sqlite:FILE`, a plain file path, or `mysql://user:password@host:port/database`. */
  dsn: string
  migrations: readonly Migration[]
  /** SQLite: `full` survives a power cut (money-bearing tables), `normal` a process kill. */
  synchronous?: 'full' | 'normal'
}

const isMysql = (dsn: string): boolean => /^(mysql|mariadb|tidb):\/\//.test(dsn)

/** Opens the database, brings its schema up to date and returns it. The caller destroys it. */
export async function openDatabase(options: DatabaseOptions): Promise<Knex> {
  const db = isMysql(options.dsn)
    ? openMysql(options.dsn)
    : openSqlite(options.dsn.replace(/^sqlite:(\/\/)?/, ''), options.synchronous ?? 'full')
  try {
    await db.migrate.latest({ migrationSource: migrationSource(options.migrations) })
  } catch (error) {
    await db.destroy()
    throw new Error(
      `cannot prepare the database ${options.dsn.replace(/:[^:@/]*@/, ':***@')}: ${(error as Error).message}`,
      { cause: error },
    )
  }
  return db
}

function openSqlite(file: string, synchronous: 'full' | 'normal'): Knex {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
  return knex({
    client: 'better-sqlite3',
    connection: { filename: file },
    useNullAsDefault: true,
    // One connection: SQLite has one writer, and a second one would only wait for the first.
    pool: {
      min: 1,
      max: 1,
      afterCreate: (connection: { pragma(text: string): unknown }, done: (error?: Error) => void) => {
        connection.pragma('journal_mode = WAL')
        connection.pragma(`synchronous = ${synchronous.toUpperCase()}`)
        connection.pragma('foreign_keys = ON')
        connection.pragma('busy_timeout = 20000')
        done()
      },
    },
  })
}

function openMysql(dsn: string): Knex {
  const url = new URL(dsn.replace(/^(mariadb|tidb):/, 'mysql:'))
  return knex({
    client: 'mysql2',
    connection: {
      host: url.hostname,
      port: Number(url.port || 3306),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: url.pathname.slice(1),
      timezone: 'Z',
      supportBigNumbers: true,
      multipleStatements: false,
    },
    pool: { min: 0, max: 10 },
  })
}

function migrationSource(migrations: readonly Migration[]): Knex.MigrationSource<Migration> {
  return {
    getMigrations: () => Promise.resolve([...migrations]),
    getMigrationName: migration => migration.name,
    getMigration: migration =>
      Promise.resolve({
        up: db => migration.up(db),
        down: db => migration.down?.(db) ?? Promise.resolve(),
      } satisfies Knex.Migration),
  }
}
