import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** Sectors that wait to be sent, and every message that was meant to be sent for them. */
export const commitment: Migration = {
  name: '002-commitment',
  async up(db) {
    await createTable(db, 'commit_queue', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.string('kind', 16).notNullable()
      table.bigInteger('queued_at').notNullable()
      table.bigInteger('queued_epoch').notNullable()
      table.integer('refusals').notNullable()
      table.primary(['miner', 'number', 'kind'])
    })
    await createTable(db, 'chain_messages', table => {
      table.bigIncrements('id')
      table.string('kind', 16).notNullable()
      table.bigInteger('miner').notNullable()
      table.string('uuid', 36).notNullable().unique()
      table.string('state', 16).notNullable()
      table.string('sender', 128).notNullable()
      table.string('receiver', 128).notNullable()
      table.integer('method').notNullable()
      table.string('value', 64).notNullable()
      table.specificType('params', 'longblob').notNullable()
      table.bigInteger('intent_epoch').notNullable()
      table.string('cid', 128)
      table.specificType('signed', 'longblob')
      table.bigInteger('pushed_epoch')
      table.bigInteger('height')
      table.integer('exit_code')
      table.specificType('return_value', 'longblob')
      table.bigInteger('gas_used')
      table.text('error')
      table.bigInteger('created_at').notNullable()
      table.bigInteger('updated_at').notNullable()
      table.index(['state', 'height'], 'chain_messages_state')
      table.index(['cid'], 'chain_messages_cid')
    })
    await createTable(db, 'chain_message_sectors', table => {
      table.bigInteger('message_id').notNullable()
      table.integer('position').notNullable()
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.string('kind', 16).notNullable()
      table.integer('exit_code')
      table.primary(['message_id', 'position'])
      table.index(['miner', 'number', 'kind', 'message_id'], 'chain_message_sectors_sector')
    })
  },
  async down(db) {
    for (const name of ['chain_message_sectors', 'chain_messages', 'commit_queue']) await db.schema.dropTable(name)
  },
}
