import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Knex } from 'knex'
import { patiently, patientSqlite } from './patient-sqlite.js'
import { SqliteReader } from './sqlite-reader.js'
import { keepStatements, relaxed, type SqliteConnection } from './sqlite-statements.js'
import { WalSync } from './wal-sync.js'

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
  /** SQLite: the file is for one connection alone, until it is closed; another process is refused. */
  exclusive?: boolean
  /** Connections to a MySQL server. */
  pool?: PoolLimits
}

export interface PoolLimits {
  readonly min: number
  readonly max: number
  /** Connections above `min` are closed when idle for so long; default: knex's. */
  readonly idleMs?: number
}

const DEFAULT_POOL: PoolLimits = { min: 0, max: 10 }

const isMysql = (dsn: string): boolean => /^(mysql|mariadb|tidb):\/\//.test(dsn)

/** What a person may see of a DSN. */
const withoutSecrets = (dsn: string): string => dsn.replace(/\/\/.*@/s, '//***@')

/** Characters that fit into a `text` column of MySQL, whatever they are: it holds 65535 bytes, a character takes up to 4. */
export const TEXT_COLUMN = 16_000

/** A text that is meant for people, cut to what its column holds. */
export const fitting = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`

/** Parameters of Go's driver that mean nothing here. */
const GO_ONLY: ReadonlySet<string> = new Set([
  'charset',
  'collation',
  'parseTime',
  'loc',
  'timeout',
  'readTimeout',
  'writeTimeout',
])

/**
 * The DSN of a MySQL server as {@link openDatabase} takes it, from that form or from the one of Go's driver, `user:password@tcp(host:port)/database`.
 * Throws an Error that shows nothing of the DSN, since it may hold a password.
 */
export function mysqlDsn(dsn: string): string {
  if (isMysql(dsn)) {
    // An @ behind the host is one of a password with a slash.
    if (!URL.canParse(dsn) || new URL(dsn).pathname.includes('@'))
      throw new Error('expected mysql://user:password@host:port/database, with special characters percent-encoded')
    return dsn
  }
  const go = /^(?:([^:]*)(?::(.*))?@)?(?:tcp\(([^()]+)\))?\/([^/?]+)(?:\?(.*))?$/s.exec(dsn)
  if (go === null || dsn.startsWith('sqlite:'))
    throw new Error('expected mysql://user:password@host:port/database or user:password@tcp(host:port)/database')
  const [, user = '', password = '', host = '127.0.0.1:3306', database = '', parameters = ''] = go
  const unknown = [...new URLSearchParams(parameters).keys()].find(name => !GO_ONLY.has(name))
  if (unknown !== undefined)
    throw new Error(`the parameter ${unknown} is not known here: expected mysql://user:password@host:port/database`)
  const url = `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}/${encodeURIComponent(database)}`
  if (!URL.canParse(url)) throw new Error(`expected a host and a port in tcp(…), found ${host}`)
  return url
}

/**
 * Opens the database, brings its schema up to date and returns it. The caller destroys it, and sees to it that a SQLite file is opened
 * by one process at a time; processes that open one MySQL database together bring it up to date one after another.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Knex> {
  const mysql = isMysql(options.dsn)
  const db = await (mysql
    ? openMysql(options.dsn, options.pool)
    : openSqlite(options.dsn.replace(/^sqlite:(\/\/)?/, ''), options))
  const migrate = async (): Promise<void> => {
    // A process that was killed while it migrated has left knex's own lock behind; ours ends with its holder.
    await db.migrate.forceFreeMigrationsLock({ migrationSource: migrationSource(options.migrations) })
    await db.migrate.latest({ migrationSource: migrationSource(options.migrations) })
  }
  try {
    if (mysql) await underServerLock(db, migrate)
    else if (!(await isUpToDate(db, options.migrations))) await migrate()
    if (!mysql && options.exclusive) await db.raw('PRAGMA locking_mode = EXCLUSIVE')
  } catch (error) {
    await db.destroy()
    throw new Error(
      `cannot prepare the database ${withoutSecrets(options.dsn)}: ${withoutSecrets((error as Error).message)}`,
      { cause: error },
    )
  }
  return db
}

/** Whether all migrations were made, and no others: knex needs ten times as long to find that out. */
async function isUpToDate(db: Knex, migrations: readonly Migration[]): Promise<boolean> {
  const tables = await hotRows(db, "select name from sqlite_master where name = 'knex_migrations'", [])
  if (tables.length === 0) return false
  const made = await hotRows<{ name: string }>(db, 'select name from knex_migrations order by id', [])
  return made.length === migrations.length && made.every(({ name }, at) => name === migrations[at]!.name)
}

/** Rejects when a MySQL database does not answer; its schema is left as it is. */
export async function pingMysql(dsn: string): Promise<void> {
  const db = await openMysql(dsn)
  try {
    await db.raw('SELECT 1')
  } catch (error) {
    throw new Error(`${withoutSecrets(dsn)}: ${withoutSecrets((error as Error).message)}`, { cause: error })
  } finally {
    await db.destroy()
  }
}

/** Loaded by what opens a database, and not by every command that might. */
export const loadKnex = async (): Promise<typeof import('knex').knex> => (await import('knex')).default

async function openSqlite(file: string, { synchronous = 'full', exclusive = false }: DatabaseOptions): Promise<Knex> {
  const knex = await loadKnex()
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
  const db = knex({
    client: patientSqlite(),
    connection: { filename: file },
    useNullAsDefault: true,
    // One connection: SQLite has one writer, and a second one would only wait for the first.
    pool: {
      min: 1,
      max: 1,
      afterCreate: (connection: SqliteConnection, done: (error?: Error) => void) => {
        connection.pragma('journal_mode = WAL')
        connection.pragma(`synchronous = ${synchronous.toUpperCase()}`)
        connection.pragma('foreign_keys = ON')
        // Waiting is done without holding up the process.
        connection.pragma('busy_timeout = 0')
        keepStatements(connection)
        if (file !== ':memory:') {
          if (synchronous === 'full') WalSync.attach(connection, file)
          // A second connection, of this process too, would keep the lock from the first.
          if (!exclusive) SqliteReader.attach(db.client, connection, file)
        }
        done()
      },
    },
  })
  return db
}

async function openMysql(dsn: string, { min, max, idleMs }: PoolLimits = DEFAULT_POOL): Promise<Knex> {
  const knex = await loadKnex()
  const url = new URL(dsn.replace(/^(mariadb|tidb):/, 'mysql:'))
  return knex({
    client: 'mysql2',
    connection: {
      host: url.hostname,
      port: Number(url.port || 3306),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: decodeURIComponent(url.pathname.slice(1)),
      timezone: 'Z',
      supportBigNumbers: true,
      multipleStatements: false,
    },
    pool: {
      min,
      max,
      ...(idleMs !== undefined && { idleTimeoutMillis: idleMs }),
      // Under MySQL's own default, a look for a row that is not there locks the gap around it, and two managers that insert there deadlock.
      afterCreate: (connection: MysqlConnection, done: (error?: unknown) => void) => {
        connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', error => done(error))
      },
    },
  })
}

interface MysqlConnection {
  query(sql: string, done: (error: unknown) => void): void
}

const MIGRATION_LOCK = 'sealyard-migrations'
const MIGRATION_LOCK_SECONDS = 120

/** Runs `work` while no other process does so on this server's database. The lock is a connection's, and ends with it. */
async function underServerLock(db: Knex, work: () => Promise<void>): Promise<void> {
  const connection: unknown = await db.client.acquireConnection()
  const ask = async (sql: string): Promise<number | null> => {
    const [rows] = (await db.raw(sql, [MIGRATION_LOCK]).connection(connection)) as [{ answer: number | null }[]]
    return rows[0]!.answer
  }
  try {
    if ((await ask(`SELECT GET_LOCK(CONCAT(DATABASE(), '-', ?), ${MIGRATION_LOCK_SECONDS}) AS answer`)) !== 1)
      throw new Error(`another process has been preparing it for ${MIGRATION_LOCK_SECONDS} s`)
    await work()
    await ask("SELECT RELEASE_LOCK(CONCAT(DATABASE(), '-', ?)) AS answer")
  } finally {
    await db.client.releaseConnection(connection)
  }
}

/** MySQL: deadlock, lock wait timeout; SQLite: another process writes. The transaction was rolled back and may be run again. */
const TRY_AGAIN: ReadonlySet<unknown> = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
])
const ATTEMPTS = 6

/**
 * Runs `work` in a transaction, again when the database had to undo it in favour of another. So `work` may be run several times and
 * must do nothing outside the database.
 */
export async function inTransaction<T>(
  db: Knex,
  work: (trx: Knex.Transaction) => Promise<T>,
  connection?: SqliteConnection,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction(work, connection && { connection })
    } catch (error) {
      if (attempt === ATTEMPTS || !TRY_AGAIN.has((error as { code?: unknown }).code)) throw error
      await new Promise(resolve => setTimeout(resolve, Math.random() * 20 * 2 ** attempt))
    }
  }
}

const KEY_TAKEN: ReadonlySet<unknown> = new Set([
  'SQLITE_CONSTRAINT_PRIMARYKEY',
  'SQLITE_CONSTRAINT_UNIQUE',
  'ER_DUP_ENTRY',
])

/** Whether a database says that the key of a new row is taken. */
export const isKeyTaken = (error: unknown): boolean => KEY_TAKEN.has((error as { code?: unknown } | null)?.code)

export const isSqlite = (db: Knex): boolean => db.client.driverName === 'better-sqlite3'

/**
 * The same for what may be lost when the power fails, as it is told again: SQLite does not wait for the disk then. What is committed later, and waits for
 * the disk, takes it along.
 */
export async function inRelaxedTransaction<T>(db: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  if (!isSqlite(db)) return inTransaction(db, work)
  return withSqliteConnection(db, connection => relaxed(connection, () => inTransaction(db, work, connection)))
}

/** Runs `work` while it has SQLite's only connection. */
export async function withSqliteConnection<T>(
  db: Knex,
  work: (connection: SqliteConnection) => Promise<T>,
): Promise<T> {
  const connection = (await db.client.acquireConnection()) as SqliteConnection
  try {
    return await work(connection)
  } finally {
    await db.client.releaseConnection(connection)
  }
}

/** Rows of a statement that comes often, past knex's making of statements: that takes longer than SQLite does. The text has to suit both databases. */
export async function hotRows<Row>(db: Knex, sql: string, bindings: readonly SqlValue[]): Promise<Row[]> {
  if (!isSqlite(db)) return ((await db.raw(sql, bindings as never)) as [Row[]])[0]
  const reader = db.isTransaction ? undefined : SqliteReader.of(db.client)
  if (reader !== undefined) return reader.rows(sql, bindings)
  return onSqlite(db, connection => connection.prepare(sql).all(...bindings) as Row[])
}

/** The same for a statement that writes. */
export async function hotRun(db: Knex, sql: string, bindings: readonly SqlValue[]): Promise<void> {
  if (!isSqlite(db)) await db.raw(sql, bindings as never)
  else await onSqlite(db, connection => connection.prepare(sql).run(...bindings))
}

type SqlValue = string | number | null

async function onSqlite<T>(db: Knex, work: (connection: SqliteConnection) => T): Promise<T> {
  if (!db.isTransaction) return withSqliteConnection(db, connection => patiently(() => work(connection)))
  if ((db as Knex.Transaction).isCompleted()) throw new Error('the transaction has ended already')
  const connection = (await db.client.acquireConnection()) as SqliteConnection
  return patiently(() => work(connection))
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
