import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Sectors that stage workers carry, their tasks, the workers, and files that are to be removed. Moments in ms since the Unix epoch. */
export const stageTasks: Migration = {
  name: '096-stage-tasks',
  async up(db) {
    await createTable(db, 'stage_sectors', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.integer('proof_type').notNullable()
      table.string('state', 32).notNullable()
      // The path with its files; empty before there are any.
      table.string('place', 64).notNullable()
      table.text('record', 'longtext')
      table.bigInteger('begun_at').notNullable()
      table.primary(['miner', 'number'])
      table.index(['place'], 'stage_sectors_place')
    })
    await createTable(db, 'stage_tasks', table => {
      table.string('id', 80).notNullable().primary()
      table.string('queue_group', 20).notNullable()
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.string('kind', 16).notNullable()
      table.string('state', 16).notNullable()
      table.string('owner', 255).notNullable()
      table.text('error').notNullable()
      table.string('path', 64).notNullable()
      table.string('fetch_from', 64).notNullable()
      for (const number of [
        'created_at',
        'started_at',
        'finished_at',
        'due_at',
        'fence',
        'attempts',
        'lease_until',
        'not_before',
      ])
        table.bigInteger(number).notNullable()
      table.index(['state', 'due_at', 'created_at', 'id'], 'stage_tasks_due')
      table.index(['state', 'lease_until'], 'stage_tasks_lease')
      table.index(['miner', 'number'], 'stage_tasks_sector')
    })
    await createTable(db, 'stage_workers', table => {
      table.string('id', 64).notNullable().primary()
      table.string('boot', 32).notNullable()
      table.bigInteger('seen_at').notNullable()
      table.text('report', 'longtext').notNullable()
    })
    await createTable(db, 'stage_leftovers', table => {
      table.string('path', 64).notNullable()
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.primary(['path', 'miner', 'number'])
    })
  },
  async down(db) {
    for (const table of ['stage_leftovers', 'stage_workers', 'stage_tasks', 'stage_sectors'])
      await db.schema.dropTable(table)
  },
}
