import type { Migration } from '../../daemon/kit/database.js'

/** How many messages of an upgrade were paid for in vain. */
export const snapUpFailedMessages: Migration = {
  name: '041-snapup-failed-messages',
  async up(db) {
    await db.schema.alterTable('snapup_jobs', table => {
      table.integer('failed_messages').notNullable().defaultTo(0)
    })
  },
  async down(db) {
    await db.schema.alterTable('snapup_jobs', table => {
      table.dropColumn('failed_messages')
    })
  },
}
