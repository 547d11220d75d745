import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

const COLUMNS = ['part', 'task_id', 'challenge', 'stores', 'waits'] as const

/** Window PoSt jobs that are parts of a proof, and what their readers have handed in. */
export const wdpostParts: Migration = {
  name: '107-wdpost-parts',
  async up(db) {
    await db.schema.alterTable('wdpost_jobs', table => {
      table.string('part', 8).notNullable().defaultTo('whole')
      // What copies of the same work have in common.
      table.string('task_id', 64).notNullable().defaultTo('')
      table.string('challenge', 64).notNullable().defaultTo('')
      table.string('stores', 2048).notNullable().defaultTo('')
      // Sectors that are to be read before the job can begin.
      table.bigInteger('waits').notNullable().defaultTo(0)
    })
    await db('wdpost_jobs').update({ task_id: db.ref('proof_id') })
    await createTable(db, 'wdpost_vanillas', table => {
      // SHA-256 of the content in hex.
      table.string('id', 64).notNullable().primary()
      table.string('challenge', 64).notNullable()
      table.text('sectors').notNullable()
      for (const number of ['bytes', 'due_at', 'created_at']) table.bigInteger(number).notNullable()
      table.specificType('content', 'longblob').notNullable()
      table.index(['challenge'], 'wdpost_vanillas_challenge')
      table.index(['due_at'], 'wdpost_vanillas_due')
      table.index(['created_at'], 'wdpost_vanillas_age')
    })
  },
  async down(db) {
    await db.schema.dropTable('wdpost_vanillas')
    await db.schema.alterTable('wdpost_jobs', table => {
      table.dropColumns(...COLUMNS)
    })
  },
}
