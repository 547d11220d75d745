import { z } from 'zod'
import { orZero, Text } from '../rpc/zero-value.js'
import { Int64, Uint64 } from '../wire/numbers.js'

const Count = orZero(Uint64, () => 0)

/** How the sealing threads of a worker fare; `Empty` have no job, `Errors` have a last error. */
export const WorkerInfoSummary = z.object({
  Threads: Count,
  Empty: Count,
  Paused: Count,
  Running: Count,
  Waiting: Count,
  Errors: Count,
})
export type WorkerInfoSummary = z.infer<typeof WorkerInfoSummary>

/** `Dest` is `ip:port` of the worker's own RPC. */
export const WorkerInfo = z.object({
  Name: Text,
  Dest: Text,
  Version: Text,
  Summary: orZero(WorkerInfoSummary, () => ({ Threads: 0, Empty: 0, Paused: 0, Running: 0, Waiting: 0, Errors: 0 })),
})
export type WorkerInfo = z.infer<typeof WorkerInfo>

/** `LastPing` in unix seconds. */
export const WorkerPingInfo = z.object({ Info: WorkerInfo, LastPing: Int64 })
export type WorkerPingInfo = z.infer<typeof WorkerPingInfo>
