import { service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import * as lease from './lease-methods.js'
import { proofMethods } from './proof-methods.js'
import * as task from './task.js'

nameSchemas(task, {
  TaskClaim: lease.TaskClaim,
  ClaimedTask: lease.ClaimedTask,
  ProofOutcome: lease.ProofOutcome,
  TaskFilter: lease.TaskFilter,
  QueuedTask: lease.QueuedTask,
  TaskPage: lease.TaskPage,
  WorkerStatistics: lease.WorkerStatistics,
})

/** The API of gpuproxy, as every version has it. */
export const proofService = service('Proof', proofMethods)

/** What this server has besides. */
export const gpuProxyService = service('GpuProxy', lease.leaseMethods)
