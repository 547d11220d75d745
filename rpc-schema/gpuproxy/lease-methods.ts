import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Bool, orNull } from '../rpc/zero-value.js'
import { Base64Bytes } from '../wire/bytes.js'
import { Task, TaskState, TaskType } from './task.js'

const worker = param('worker', z.string())
/** The right to work on a task: `fence` rises each time that the task is given away. */
export const TaskClaim = z.object({ id: z.string(), fence: z.int().nonnegative() })
export type TaskClaim = z.infer<typeof TaskClaim>
const claim = param('claim', TaskClaim)
const lease = param('lease_ms', z.int().positive())

export const ClaimedTask = z.object({ task: Task, fence: z.int().nonnegative() })
export type ClaimedTask = z.infer<typeof ClaimedTask>

/**
 * What became of a proof: `recorded` · `known`: there is one already · `stale`: the claim is not good any more and the proof cannot be checked here ·
 * `invalid`: it does not prove what it should.
 */
export const ProofOutcome = z.enum(['recorded', 'known', 'stale', 'invalid'])
export type ProofOutcome = z.infer<typeof ProofOutcome>

export const AfterError = z.enum(['ready', 'parked', 'stale'])
export type AfterError = z.infer<typeof AfterError>

export const TaskFilter = z.object({
  states: orNull(z.array(TaskState)),
  miners: orNull(z.array(z.string())),
  workers: orNull(z.array(z.string())),
})
export type TaskFilter = z.infer<typeof TaskFilter>

/** A task without its proof, and what its queue knows of it. `leaseUntil` and `notBefore` in ms since the Unix epoch, 0 for none. */
export const QueuedTask = z.object({
  ...Task.omit({ proof: true }).shape,
  proven: z.boolean(),
  attempts: z.int(),
  fence: z.int(),
  leaseUntil: z.int(),
  notBefore: z.int(),
})
export type QueuedTask = z.infer<typeof QueuedTask>

export const TaskPage = z.object({ tasks: z.array(QueuedTask), next: orNull(z.string()) })
export type TaskPage = z.infer<typeof TaskPage>

/** What a worker has done. `probationUntil`: it gets no tasks before, after a proof that did not verify; 0 for none. */
export const WorkerStatistics = z.object({
  workerId: z.string(),
  claimed: z.int(),
  proven: z.int(),
  failed: z.int(),
  invalid: z.int(),
  /** Mean time of its proofs, ms. */
  meanMs: z.int(),
  probationUntil: z.int(),
})
export type WorkerStatistics = z.infer<typeof WorkerStatistics>

const ids = param('ids', z.array(z.string()))

/** What only this server offers: leases, and a closer look. */
export const leaseMethods = {
  Claim: method(
    'Gives a waiting task to a worker for the length of a lease; null when there is none.',
    [worker, param('types', orNull(z.array(TaskType))), lease],
    orNull(ClaimedTask),
    { permission: 'write' },
  ),
  Heartbeat: method(
    'Renews leases; the ids of the tasks that are no longer the worker’s.',
    [worker, param('claims', z.array(TaskClaim)), lease],
    z.array(z.string()),
    { permission: 'write' },
  ),
  Complete: method('Hands in a proof, which is verified.', [worker, claim, param('proof', Base64Bytes)], ProofOutcome, {
    permission: 'write',
  }),
  Fail: method(
    'Tells why there is no proof; `for_good`: no further attempt would end differently.',
    [worker, claim, param('error', z.string()), param('for_good', Bool)],
    AfterError,
    { permission: 'write' },
  ),
  Release: method('Gives a task back as it was.', [worker, claim], z.boolean(), { permission: 'write' }),
  Tasks: method(
    'Tasks by a filter, the newest first, page by page.',
    [param('filter', TaskFilter), param('cursor', orNull(z.string())), param('limit', z.int().min(1).max(1000))],
    TaskPage,
  ),
  ShowTask: method(
    'A task and what its queue knows of it; null when unknown.',
    [param('id', z.string())],
    orNull(QueuedTask),
  ),
  ResetTasks: method('Makes tasks wait again, with all their attempts; how many.', [ids], z.int(), {
    permission: 'admin',
  }),
  CancelTasks: method(
    'Stops tasks from being tried; a running attempt loses its claim; how many.',
    [ids, param('reason', z.string())],
    z.int(),
    { permission: 'admin' },
  ),
  RemoveTasks: method('Forgets tasks and what they were to be made from; how many.', [ids], z.int(), {
    permission: 'admin',
  }),
  WorkerStatistics: method('What each worker has done.', [], z.array(WorkerStatistics)),
} as const
