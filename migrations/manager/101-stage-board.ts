import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/**
 * One row that counts what takes memory or room of stage workers: who gives tasks out decides by what was there at one count, and gives them at that count
 * only, whichever manager that is. And who is just removing which files.
 */
export const stageBoard: Migration = {
  name: '101-stage-board',
  async up(db) {
    await createTable(db, 'stage_board', table => {
      table.integer('id').notNullable().primary()
      table.bigInteger('revision').notNullable()
    })
    await db('stage_board').insert({ id: 1, revision: 0 })
    // A process of a worker; empty while nobody is at it.
    await db.schema.alterTable('stage_leftovers', table => {
      table.string('remover', 100).notNullable().defaultTo('')
    })
  },
  async down(db) {
    await db.schema.alterTable('stage_leftovers', table => table.dropColumn('remover'))
    await db.schema.dropTable('stage_board')
  },
}
