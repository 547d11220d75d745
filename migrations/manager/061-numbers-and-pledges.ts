import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Sectors that operators asked for, and each time numbers were skipped on purpose. */
export const numbersAndPledges: Migration = {
  name: '061-numbers-and-pledges',
  async up(db) {
    await createTable(db, 'pledges', table => {
      table.bigIncrements('id')
      table.bigInteger('miner').notNullable()
      table.string('request', 64).notNullable()
      table.integer('position').notNullable()
      table.string('state', 16).notNullable()
      table.bigInteger('number')
      table.bigInteger('asked_at').notNullable()
      table.bigInteger('settled_at')
      table.unique(['request', 'position'], { indexName: 'pledges_request' })
      table.index(['miner', 'state', 'id'], 'pledges_waiting')
    })
    await createTable(db, 'sector_number_skips', table => {
      table.bigIncrements('id')
      table.bigInteger('miner').notNullable()
      table.bigInteger('at').notNullable()
      table.bigInteger('before').notNullable()
      table.bigInteger('after').notNullable()
      table.text('reason').notNullable()
      table.index(['miner', 'id'], 'sector_number_skips_miner')
    })
  },
  async down(db) {
    for (const name of ['sector_number_skips', 'pledges']) await db.schema.dropTable(name)
  },
}
