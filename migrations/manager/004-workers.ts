import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** The last ping of each worker. */
export const workers: Migration = {
  name: '004-workers',
  async up(db) {
    await createTable(db, 'worker_pings', table => {
      table.string('name', 255).notNullable().primary()
      table.text('info').notNullable()
      table.bigInteger('last_ping').notNullable()
    })
  },
  async down(db) {
    await db.schema.dropTable('worker_pings')
  },
}
