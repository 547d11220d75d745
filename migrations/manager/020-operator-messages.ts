import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Messages of operators, by what they were asked for under; each attempt is one of `chain_messages`. */
export const operatorMessages: Migration = {
  name: '020-operator-messages',
  async up(db) {
    await createTable(db, 'operator_messages', table => {
      table.string('uid', 255).notNullable()
      table.integer('attempt').notNullable()
      table.string('uuid', 36).notNullable().unique()
      table.string('method_name', 64).notNullable()
      table.bigInteger('asked_at').notNullable()
      table.primary(['uid', 'attempt'])
      table.index(['asked_at'], 'operator_messages_asked_at')
    })
  },
  async down(db) {
    await db.schema.dropTable('operator_messages')
  },
}
