import type { Knex } from 'knex'
import type { Migration } from '../../daemon/kit/database.js'

/** The steps of the original's schema: it refuses to start on a database that names others, so only these are ever named there. */
const ORIGINAL: readonly (readonly [version: string, up: (db: Knex) => Promise<void>])[] = [
  ['m20220101_000001_create_table', createTables],
  ['m20220426_000001_create_table', createIndexes],
  ['m20230111_000001_create_table', createWorkersStates],
  ['m20230113_000001_create_table', addComment],
]

/**
 * The tables as gpuproxy and gpuproxy_worker have always had them: made where they are missing, taken over where they are there, in whatever version.
 */
export const original: Migration = {
  name: '001-original',
  async up(db) {
    if (!(await db.schema.hasTable('seaql_migrations')))
      await db.schema.createTable('seaql_migrations', table => {
        table.string('version').notNullable().primary()
        table.bigInteger('applied_at').notNullable()
      })
    const applied = new Set<string>(await db('seaql_migrations').pluck('version'))
    for (const [version, up] of ORIGINAL) {
      if (applied.has(version)) continue
      await up(db)
      await db('seaql_migrations').insert({ version, applied_at: Math.floor(Date.now() / 1000) })
    }
  },
}

async function createTables(db: Knex): Promise<void> {
  await ifMissing(db, 'resource_infos', table => {
    table.string('id').notNullable().primary()
    table.specificType('data', 'longblob').notNullable()
    table.integer('create_at').notNullable()
  })
  await ifMissing(db, 'worker_infos', table => table.string('id').notNullable().primary())
  await ifMissing(db, 'tasks', taskColumns)
}

export function taskColumns(table: Knex.CreateTableBuilder): void {
  table.string('id').notNullable().primary()
  for (const name of ['miner', 'resource_id']) table.string(name).notNullable()
  table.specificType('proof', 'blob').notNullable()
  table.string('worker_id').notNullable()
  table.integer('task_type').notNullable()
  table.string('error_msg').notNullable()
  for (const name of ['state', 'create_at', 'start_at', 'complete_at']) table.integer(name).notNullable()
}

const INDEXES: Readonly<Record<string, readonly string[]>> = {
  tasks_create_at: ['create_at'],
  tasks_start_at: ['start_at'],
  tasks_complete_at: ['complete_at'],
  tasks_state: ['state'],
  tasks_tasktype: ['task_type'],
  tasks_worker_id: ['worker_id'],
  tasks_workerid_state: ['worker_id', 'state'],
  tasks_workerid_tasktype: ['worker_id', 'task_type'],
}

async function createIndexes(db: Knex): Promise<void> {
  await db.schema.alterTable('tasks', table => {
    for (const [name, columns] of Object.entries(INDEXES)) table.index([...columns], name)
  })
}

async function createWorkersStates(db: Knex): Promise<void> {
  await ifMissing(db, 'workers_states', table => {
    table.string('id').notNullable().primary()
    for (const name of ['worker_id', 'ips', 'support_types']) table.string(name).notNullable()
    for (const name of ['create_at', 'update_at']) table.integer(name).notNullable()
  })
}

async function addComment(db: Knex): Promise<void> {
  if (await db.schema.hasColumn('tasks', 'comment')) return
  await db.schema.alterTable('tasks', table => {
    table.string('comment').notNullable().defaultTo('')
  })
}

async function ifMissing(db: Knex, name: string, columns: (table: Knex.CreateTableBuilder) => unknown): Promise<void> {
  if (!(await db.schema.hasTable(name))) await db.schema.createTable(name, table => void columns(table))
}
