import type { Migration } from '../../daemon/kit/database.js'

/** By what a message was given to the chain: the node's pool, or a messager. */
export const messageCarrier: Migration = {
  name: '005-message-carrier',
  async up(db) {
    await db.schema.alterTable('chain_messages', table => {
      table.string('carrier', 16).notNullable().defaultTo('mempool')
    })
  },
  async down(db) {
    await db.schema.alterTable('chain_messages', table => {
      table.dropColumn('carrier')
    })
  },
}
