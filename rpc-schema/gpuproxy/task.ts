import { z } from 'zod'
import { ByteArray } from '../wire/bytes.js'

/** What can be outsourced. */
export const TASK_TYPE = { c2: 0 } as const
export const TaskType = z.literal(TASK_TYPE.c2, {
  error: ({ input }) => `invalid value: ${JSON.stringify(input)}, expected 0`,
})
export type TaskType = z.infer<typeof TaskType>

/** `undefined` is of old versions; `error`: not tried any more until somebody resets it. */
export const TASK_STATE = { undefined: 0, init: 1, running: 2, error: 3, completed: 4 } as const
export const TaskState = z.literal(Object.values(TASK_STATE), {
  error: ({ input }) => `invalid value: ${JSON.stringify(input)}, expected one of: 0, 1, 2, 3, 4`,
})
export type TaskState = z.infer<typeof TaskState>

/**
 * A task as it goes over the wire and lies in the database: `miner` is an address without its network character, moments are unix seconds and 0 when they
 * have not come, `proof` is empty until there is one.
 */
export const Task = z.object({
  id: z.string(),
  miner: z.string(),
  resourceId: z.string(),
  proof: ByteArray,
  workerId: z.string(),
  taskType: TaskType,
  errorMsg: z.string(),
  comment: z.string(),
  state: TaskState,
  createAt: z.int(),
  startAt: z.int(),
  completeAt: z.int(),
})
export type Task = z.infer<typeof Task>

/** A worker and when it was heard of last. `ips` and `supportTypes` are lists with `|` between. */
export const WorkerState = z.object({
  id: z.string(),
  workerId: z.string(),
  ips: z.string(),
  supportTypes: z.string(),
  updateAt: z.int(),
  createAt: z.int(),
})
export type WorkerState = z.infer<typeof WorkerState>
