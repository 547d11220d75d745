import type { Migration } from '../../daemon/kit/database.js'

/** Which landed messages are so deep in the chain that their outcome counts. */
export const settledMessages: Migration = {
  name: '030-settled-messages',
  async up(db) {
    await db.schema.alterTable('chain_messages', table => {
      table.boolean('settled').notNullable().defaultTo(false)
      table.index(['settled', 'state'], 'chain_messages_settled')
    })
    await db('chain_messages').where({ state: 'landed' }).update({ settled: true })
  },
  async down(db) {
    await db.schema.alterTable('chain_messages', table => {
      table.dropIndex(['settled', 'state'], 'chain_messages_settled')
      table.dropColumn('settled')
    })
  },
}
