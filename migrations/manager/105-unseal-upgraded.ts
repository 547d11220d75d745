import type { Migration } from '../../daemon/kit/database.js'

/** Unseal tasks of upgraded sectors, which not every worker can do, are told from the others without a look at the records. */
export const unsealUpgraded: Migration = {
  name: '105-unseal-upgraded',
  async up(db) {
    await db.schema.alterTable('unseal_tasks', table => {
      table.boolean('upgraded').notNullable().defaultTo(false)
    })
  },
  async down(db) {
    await db.schema.alterTable('unseal_tasks', table => {
      table.dropColumn('upgraded')
    })
  },
}
