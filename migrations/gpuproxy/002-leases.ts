import type { Migration } from '../../daemon/kit/database.js'
import { addLeaseColumns, addQueueIndexes } from '../../daemon/kit/queue/job-table.js'
import { createTable } from '../create-table.js'
import { taskColumns } from './001-original.js'
import { ARCHIVE, TASKS } from './task-table.js'

/**
 * Leases on tasks, what their proofs prove, and what each worker has done. The original does not see any of it: the columns have defaults, the tables are
 * our own.
 */
export const leases: Migration = {
  name: '002-leases',
  async up(db) {
    await db.schema.alterTable('tasks', table => {
      addLeaseColumns(table, TASKS)
      addQueueIndexes(table, TASKS)
    })
    await createTable(db, ARCHIVE, table => {
      taskColumns(table)
      table.string('comment').notNullable().defaultTo('')
      addLeaseColumns(table, TASKS)
    })
    await createTable(db, 'task_statements', table => {
      table.string('task_id').notNullable().primary()
      table.text('statement').notNullable()
    })
    await createTable(db, 'worker_statistics', table => {
      table.string('worker_id').notNullable().primary()
      for (const name of ['claimed', 'proven', 'failed', 'invalid', 'total_ms', 'probation_until', 'bad_in_a_row'])
        table.bigInteger(name).notNullable().defaultTo(0)
    })
  },
}
