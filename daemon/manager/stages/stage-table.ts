import { TEXT_COLUMN } from '../../kit/database.js'
import type { JobTable } from '../../kit/queue/job-table.js'

export const STAGE_TABLE = {
  name: 'stage_tasks',
  columns: {
    id: 'id',
    group: 'queue_group',
    kind: 'kind',
    state: 'state',
    owner: 'owner',
    error: 'error',
    createdAt: 'created_at',
    startedAt: 'started_at',
    finishedAt: 'finished_at',
    fence: 'fence',
    attempts: 'attempts',
    leaseUntil: 'lease_until',
    notBefore: 'not_before',
  },
  states: { ready: 'ready', running: 'running', parked: 'parked', done: 'done' },
  timeUnitMs: 1,
  errorLength: TEXT_COLUMN,
  dueColumn: 'due_at',
} as const satisfies JobTable
