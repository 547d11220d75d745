import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Which store a name stands for, and ways to ask what is in a store. */
export const storeIdentities: Migration = {
  name: '050-store-identities',
  async up(db) {
    await createTable(db, 'store_identities', table => {
      table.string('store', 255).notNullable().primary()
      table.string('identity', 255).notNullable()
      table.bigInteger('at').notNullable()
      table.index(['identity'], 'store_identities_identity')
    })
    await db.schema.alterTable('sector_index', table => {
      table.index(['sealed_store'], 'sector_index_sealed_store')
      table.index(['cache_store'], 'sector_index_cache_store')
    })
  },
  async down(db) {
    await db.schema.alterTable('sector_index', table => {
      table.dropIndex(['sealed_store'], 'sector_index_sealed_store')
      table.dropIndex(['cache_store'], 'sector_index_cache_store')
    })
    await db.schema.dropTable('store_identities')
  },
}
