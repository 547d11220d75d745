import type { Migration } from '../../daemon/kit/database.js'

/** How many numbers are to be left out before the next one, since the database was restored. */
export const owedSkip: Migration = {
  name: '062-owed-skip',
  async up(db) {
    await db.schema.alterTable('sector_numbers', table => {
      table.bigInteger('owed').notNullable().defaultTo(0)
    })
  },
  async down(db) {
    await db.schema.alterTable('sector_numbers', table => {
      table.dropColumn('owed')
    })
  },
}
