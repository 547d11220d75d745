import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** The records of all sectors, what happened to them, and the last sector number that was given to each miner. */
export const sectors: Migration = {
  name: '001-sectors',
  async up(db) {
    await createTable(db, 'sectors', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.string('store', 8).notNullable()
      table.boolean('upgraded').notNullable()
      table.boolean('need_rebuild').notNullable()
      table.boolean('unsealing').notNullable()
      table.boolean('need_send').notNullable()
      table.text('record', 'longtext').notNullable()
      table.bigInteger('created_at').notNullable()
      table.bigInteger('updated_at').notNullable()
      table.primary(['miner', 'number'])
      table.index(['store', 'miner', 'number'], 'sectors_store')
      table.index(['need_send', 'store'], 'sectors_need_send')
    })
    await createTable(db, 'sector_history', table => {
      table.bigIncrements('id')
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.bigInteger('at').notNullable()
      table.string('actor', 255).notNullable()
      table.string('event', 64).notNullable()
      table.text('detail').notNullable()
      table.index(['miner', 'number', 'id'], 'sector_history_sector')
    })
    await createTable(db, 'sector_numbers', table => {
      table.bigInteger('miner').notNullable().primary()
      table.bigInteger('last').notNullable()
    })
  },
  async down(db) {
    for (const name of ['sector_numbers', 'sector_history', 'sectors']) await db.schema.dropTable(name)
  },
}
