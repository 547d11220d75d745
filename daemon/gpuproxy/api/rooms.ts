import type { Logger } from '../../kit/log.js'
import type { Tasks } from '../tasks/tasks.js'
import type { WorkerRecords } from '../workers/worker-record.js'
import type { WorkerRegistry } from '../workers/worker-registry.js'

/** What the API calls. */
export interface Rooms {
  readonly tasks: Tasks
  readonly workers: WorkerRegistry
  readonly records: WorkerRecords
  /** For workers that do not know of leases, ms: they report every minute. */
  readonly leaseMs: number
  readonly log: Logger
}
