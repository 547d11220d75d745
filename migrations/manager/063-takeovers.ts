import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Managers whose sectors are, or have been, taken over. */
export const takeovers: Migration = {
  name: '063-takeovers',
  async up(db) {
    await createTable(db, 'takeovers', table => {
      table.string('source', 255).notNullable().primary()
      table.bigInteger('began_at').notNullable()
      table.bigInteger('finished_at')
    })
  },
  async down(db) {
    await db.schema.dropTable('takeovers')
  },
}
