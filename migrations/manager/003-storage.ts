import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Where the files of sectors are, and the space that is held for those to come. */
export const storage: Migration = {
  name: '003-storage',
  async up(db) {
    await createTable(db, 'sector_index', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.string('kind', 16).notNullable()
      table.string('sealed_store', 255).notNullable()
      table.string('cache_store', 255).notNullable()
      table.primary(['miner', 'number', 'kind'])
    })
    await createTable(db, 'store_reservations', table => {
      table.string('store', 255).notNullable()
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.bigInteger('size').notNullable()
      table.bigInteger('at').notNullable()
      table.primary(['store', 'miner', 'number'])
      table.index(['miner', 'number'], 'store_reservations_sector')
    })
  },
  async down(db) {
    for (const name of ['store_reservations', 'sector_index']) await db.schema.dropTable(name)
  },
}
