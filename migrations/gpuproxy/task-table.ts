import type { JobTable } from '../../daemon/kit/queue/job-table.js'
import { TASK_STATE } from '../../rpc-schema/gpuproxy/task.js'

/** The table of tasks as gpuproxy has always had it, and the columns that leases need. */
export const TASKS: JobTable = {
  name: 'tasks',
  columns: {
    id: 'id',
    group: 'miner',
    kind: 'task_type',
    state: 'state',
    owner: 'worker_id',
    error: 'error_msg',
    createdAt: 'create_at',
    startedAt: 'start_at',
    finishedAt: 'complete_at',
    fence: 'fence',
    attempts: 'attempts',
    leaseUntil: 'lease_until',
    notBefore: 'not_before',
  },
  states: {
    ready: TASK_STATE.init,
    running: TASK_STATE.running,
    parked: TASK_STATE.error,
    done: TASK_STATE.completed,
  },
  timeUnitMs: 1000,
  errorLength: 255,
}

/** The same, moved away after some time. */
export const ARCHIVE = 'tasks_archived'
