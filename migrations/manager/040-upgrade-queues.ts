import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Work on sectors that are proven already: to be rebuilt, to be unsealed, to be upgraded. */
export const upgradeQueues: Migration = {
  name: '040-upgrade-queues',
  async up(db) {
    await createTable(db, 'rebuild_queue', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.integer('proof_type').notNullable()
      table.boolean('upgraded').notNullable()
      table.bigInteger('queued_at').notNullable()
      table.bigInteger('not_before').notNullable()
      table.bigInteger('taken_at')
      table.string('holder', 255)
      table.bigInteger('heard_at')
      table.boolean('persisted').notNullable()
      table.integer('failures').notNullable()
      table.primary(['miner', 'number'])
    })
    await createTable(db, 'unseal_tasks', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.string('piece_cid', 128).notNullable()
      table.bigInteger('offset').notNullable()
      table.bigInteger('size').notNullable()
      table.text('dests').notNullable()
      table.string('state', 16).notNullable()
      table.text('error').notNullable()
      table.bigInteger('created_at').notNullable()
      table.bigInteger('taken_at')
      table.string('holder', 255)
      table.bigInteger('heard_at')
      table.integer('failures').notNullable()
      table.primary(['miner', 'number', 'piece_cid'])
      table.index(['state', 'created_at'], 'unseal_tasks_state')
    })
    await createTable(db, 'snapup_candidates', table => {
      table.bigInteger('miner').notNullable()
      table.integer('deadline').notNullable()
      table.text('sectors', 'longtext').notNullable()
      table.primary(['miner', 'deadline'])
    })
    await createTable(db, 'snapup_jobs', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.integer('deadline')
      table.string('state', 16).notNullable()
      table.integer('attempts').notNullable()
      table.bigInteger('next_at').notNullable()
      table.text('note').notNullable()
      table.bigInteger('updated_at').notNullable()
      table.primary(['miner', 'number'])
      table.index(['state', 'next_at'], 'snapup_jobs_due')
    })
  },
  async down(db) {
    for (const name of ['snapup_jobs', 'snapup_candidates', 'unseal_tasks', 'rebuild_queue'])
      await db.schema.dropTable(name)
  },
}
