import type { Migration } from '../../kit/database.js'

/** Tables of a devnet's home. `tipsets` and `landed` hold the present fork only. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: '001-devnet',
    async up(db) {
      await db.schema.createTable('meta', table => {
        table.string('key').primary()
        table.text('value').notNullable()
      })
      await db.schema.createTable('tipsets', table => {
        table.integer('height').primary()
        table.string('cid').notNullable().index()
        table.binary('header').notNullable()
        /** What the parent's messages changed in the state, as tagged JSON; null when nothing. */
        table.text('changes')
      })
      await db.schema.createTable('messages', table => {
        table.string('cid').primary()
        table.string('unsigned_cid').notNullable().index()
        table.binary('signed').notNullable()
        /** Key address. */
        table.string('sender').notNullable()
        table.integer('nonce').notNullable()
        table.integer('arrival').notNullable()
        table.boolean('pending').notNullable().index()
        table.index(['sender', 'nonce'])
      })
      await db.schema.createTable('landed', table => {
        table.integer('height').notNullable()
        table.integer('position').notNullable()
        table.string('cid').notNullable().index()
        /** Null until the next tipset has run the message. */
        table.integer('exit_code')
        table.binary('return_value')
        table.integer('gas_used')
        table.primary(['height', 'position'])
      })
      await db.schema.createTable('deals', table => {
        table.integer('id').primary()
        table.text('deal').notNullable()
      })
    },
  },
  {
    name: '002-messager',
    async up(db) {
      await db.schema.createTable('messager', table => {
        table.string('id').primary()
        table.binary('message').notNullable()
        table.string('cid')
        table.text('error').notNullable()
      })
    },
  },
  {
    name: '003-built-in-deals',
    async up(db) {
      await db.schema.createTable('built_in_deals', table => {
        table.integer('id').primary()
        table.text('deal').notNullable()
      })
    },
  },
]
