import type { Knex } from 'knex'
import { isSqlite, type Migration } from '../../daemon/kit/database.js'

export const TASKS = 'tasks'
export const ARCHIVE = 'tasks_archived'
const VIEW = 'tasks_view'

/** In the order of the tables. Times are seconds since the Unix epoch. */
export const TASK_COLUMNS = [
  'id',
  'in_body',
  'created_at',
  'started_at',
  'finished_at',
  'retry_count',
  'error_reason',
  'out_body',
  'slave',
  'heartbeat_at',
] as const
const TIMES: ReadonlySet<string> = new Set(['created_at', 'started_at', 'finished_at', 'heartbeat_at'])

/** The tables that operators of the older master have made by hand; made where they are missing, taken as they are where they are there. */
export const tasks: Migration = {
  name: '001-tasks',
  async up(db) {
    for (const name of [TASKS, ARCHIVE])
      if (!(await db.schema.hasTable(name))) await db.schema.createTable(name, table => columns(db, table))
    if (!isSqlite(db) && (await db.schema.hasTable(VIEW))) return
    await db.raw(`CREATE VIEW ${isSqlite(db) ? 'IF NOT EXISTS ' : ''}${VIEW} AS
SELECT ${TASK_COLUMNS.map(name => (TIMES.has(name) ? `${timeText(db, name)} AS ${name}` : name)).join(', ')} FROM ${TASKS}`)
  },
}

function columns(db: Knex, table: Knex.CreateTableBuilder): void {
  if (!isSqlite(db)) {
    table.engine('InnoDB')
    table.charset('utf8mb4')
    table.collate('utf8mb4_general_ci')
  }
  table.specificType('id', 'CHAR(32)').notNullable().primary()
  table.specificType('in_body', 'LONGBLOB').notNullable()
  table.bigInteger('created_at').notNullable()
  table.bigInteger('started_at')
  table.bigInteger('finished_at')
  table.specificType('retry_count', 'SMALLINT').notNullable().defaultTo(0)
  table.text('error_reason')
  table.specificType('out_body', 'LONGBLOB')
  table.string('slave', 100)
  table.bigInteger('heartbeat_at')
}

const timeText = (db: Knex, column: string): string =>
  isSqlite(db)
    ? `strftime('%Y-%m-%d %H:%M:%S', ${column}, 'unixepoch', 'localtime')`
    : `FROM_UNIXTIME(${column}, '%Y-%m-%d %H:%i:%s')`
