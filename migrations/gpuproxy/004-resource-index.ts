import type { Migration } from '../../daemon/kit/database.js'

/** With every proof it is asked whether another task needs the same document. The original does not mind the index. */
export const resourceIndex: Migration = {
  name: '004-resource-index',
  async up(db) {
    await db.schema.alterTable('tasks', table => void table.index(['resource_id'], 'tasks_resource_id'))
  },
}
