import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Which manager is proving which partitions of a window. `lease_until` in ms since the Unix epoch. */
export const postClaims: Migration = {
  name: '097-post-claims',
  async up(db) {
    await createTable(db, 'post_claims', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('open').notNullable()
      table.bigInteger('partition_index').notNullable()
      table.string('owner', 255).notNullable()
      table.string('token', 36).notNullable()
      table.bigInteger('lease_until').notNullable()
      table.primary(['miner', 'open', 'partition_index'])
      table.index(['token'], 'post_claims_token')
      table.index(['lease_until'], 'post_claims_lease')
    })
  },
  async down(db) {
    await db.schema.dropTable('post_claims')
  },
}
