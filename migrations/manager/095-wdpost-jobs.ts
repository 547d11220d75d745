import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Window PoSt jobs for workers: a row a copy of a proof. Moments in ms since the Unix epoch, 0 when they have not come. */
export const wdpostJobs: Migration = {
  name: '095-wdpost-jobs',
  async up(db) {
    await createTable(db, 'wdpost_jobs', table => {
      table.string('id', 64).notNullable().primary()
      table.string('proof_id', 32).notNullable()
      table.string('miner', 20).notNullable()
      table.string('proof_type', 64).notNullable()
      table.string('state', 16).notNullable()
      table.string('owner', 255).notNullable()
      table.text('error').notNullable()
      table.string('ended', 16).notNullable()
      table.string('partitions', 1024).notNullable()
      for (const number of [
        'created_at',
        'started_at',
        'finished_at',
        'heartbeat_at',
        'due_at',
        'fence',
        'attempts',
        'lease_until',
        'not_before',
        'copies',
        'unheard',
        'deadline',
        'sectors',
        'faults',
      ])
        table.bigInteger(number).notNullable()
      // Megabytes for a partition of 2,349 sectors.
      table.text('input', 'longtext').notNullable()
      table.text('output', 'longtext')
      table.index(['state', 'due_at', 'created_at', 'id'], 'wdpost_jobs_due')
      table.index(['state', 'lease_until'], 'wdpost_jobs_lease')
      table.index(['created_at', 'id'], 'wdpost_jobs_age')
      table.index(['proof_id'], 'wdpost_jobs_proof')
      table.index(['owner', 'copies'], 'wdpost_jobs_owner')
    })
  },
  async down(db) {
    await db.schema.dropTable('wdpost_jobs')
  },
}
