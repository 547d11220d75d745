import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Trial readings before deadlines. `serial` 0 is the automatic one of a window, of which there is one whichever manager makes it. */
export const postRehearsals: Migration = {
  name: '098-post-rehearsals',
  async up(db) {
    await createTable(db, 'post_rehearsals', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('open').notNullable()
      table.bigInteger('serial').notNullable()
      table.bigInteger('created_at').notNullable()
      table.specificType('record', 'longtext').notNullable()
      table.primary(['miner', 'open', 'serial'])
      table.index(['created_at'], 'post_rehearsals_age')
    })
  },
  async down(db) {
    await db.schema.dropTable('post_rehearsals')
  },
}
