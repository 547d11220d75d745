import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** What a worker has finished and the server has not taken yet. */
export const outbox: Migration = {
  name: '003-outbox',
  async up(db) {
    await createTable(db, 'worker_outbox', table => {
      table.string('task_id').notNullable().primary()
      table.bigInteger('fence').notNullable()
      table.specificType('proof', 'longblob')
      table.text('error')
      table.boolean('for_good').notNullable()
    })
  },
}
