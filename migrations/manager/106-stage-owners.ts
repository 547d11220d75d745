import type { Migration } from '../../daemon/kit/database.js'

/** What each report of a stage worker looks for: the tasks that it has. */
export const stageOwners: Migration = {
  name: '106-stage-owners',
  async up(db) {
    await db.schema.alterTable('stage_tasks', table => table.index(['owner', 'state'], 'stage_tasks_owner'))
  },
  async down(db) {
    await db.schema.alterTable('stage_tasks', table => table.dropIndex(['owner', 'state'], 'stage_tasks_owner'))
  },
}
