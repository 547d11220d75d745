import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** How far the scrub of stored sectors is (one row), and what it has found. */
export const scrub: Migration = {
  name: '100-scrub',
  async up(db) {
    await createTable(db, 'scrub_progress', table => {
      table.integer('id').notNullable().primary()
      table.bigInteger('miner')
      table.bigInteger('number')
      table.bigInteger('looked').notNullable()
      table.bigInteger('total').notNullable()
      table.bigInteger('round_begun_at').notNullable()
      table.bigInteger('looked_at').notNullable()
    })
    await createTable(db, 'scrub_findings', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.text('why').notNullable()
      table.bigInteger('since').notNullable()
      table.bigInteger('seen_at').notNullable()
      table.primary(['miner', 'number'])
      table.index(['seen_at'], 'scrub_findings_seen')
    })
  },
  async down(db) {
    for (const name of ['scrub_findings', 'scrub_progress']) await db.schema.dropTable(name)
  },
}
