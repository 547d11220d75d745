import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Proofs of windows on their way to the chain, which partition of a window is in which of them, and what became of each window. */
export const windowPosts: Migration = {
  name: '090-window-posts',
  async up(db) {
    await createTable(db, 'post_submissions', table => {
      table.bigIncrements('id')
      table.bigInteger('miner').notNullable()
      table.bigInteger('open').notNullable()
      table.string('state', 16).notNullable()
      table.string('partitions', 255).notNullable()
      table.specificType('params', 'longblob').notNullable()
      table.specificType('randomness', 'longblob').notNullable()
      table.integer('attempt').notNullable()
      table.string('message_key', 36)
      table.integer('failures').notNullable()
      table.integer('fee_level').notNullable()
      table.bigInteger('not_before').notNullable()
      table.text('note').notNullable()
      table.bigInteger('created_at').notNullable()
      table.index(['miner', 'open'], 'post_submissions_window')
      table.index(['created_at'], 'post_submissions_age')
    })
    await createTable(db, 'post_partitions', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('open').notNullable()
      table.bigInteger('partition_index').notNullable()
      table.bigInteger('submission_id').notNullable()
      table.primary(['miner', 'open', 'partition_index'])
      table.index(['submission_id'], 'post_partitions_submission')
    })
    await createTable(db, 'post_windows', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('open').notNullable()
      table.bigInteger('close').notNullable()
      table.integer('deadline').notNullable()
      table.bigInteger('challenge').notNullable()
      table.string('outcome', 16).notNullable()
      table.specificType('record', 'longtext').notNullable()
      table.primary(['miner', 'open'])
      table.index(['outcome', 'close'], 'post_windows_outcome')
    })
  },
  async down(db) {
    for (const name of ['post_windows', 'post_partitions', 'post_submissions']) await db.schema.dropTable(name)
  },
}
