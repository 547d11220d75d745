import { TEXT_COLUMN } from '../../kit/database.js'
import { type JobTable, OWN_COLUMNS } from '../../kit/queue/job-table.js'

export const STAGE_TABLE = {
  name: 'stage_tasks',
  columns: OWN_COLUMNS,
  states: { ready: 'ready', running: 'running', parked: 'parked', done: 'done' },
  timeUnitMs: 1,
  errorLength: TEXT_COLUMN,
  dueColumn: 'due_at',
} as const satisfies JobTable
