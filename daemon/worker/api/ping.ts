import type { WorkerInfo, WorkerInfoSummary } from '../../../rpc-schema/manager/worker-ping.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { ManagerClient } from '../engine/plan.js'
import type { SealingThread } from '../engine/sealing-thread.js'

/** How the threads fare, in numbers. A thread without a job is empty whatever else it does. */
export function summaryOf(threads: readonly SealingThread[]): WorkerInfoSummary {
  const count = (matches: (thread: SealingThread) => boolean): number => threads.filter(matches).length
  return {
    Threads: threads.length,
    Empty: count(({ status }) => status.jobId === null),
    Paused: count(({ status }) => status.activity.kind === 'Paused'),
    Running: count(({ status }) => status.activity.kind === 'Running'),
    Waiting: count(({ status }) => status.activity.kind === 'Waiting'),
    Errors: count(({ status }) => status.lastError !== null),
  }
}

export interface PingParts {
  readonly manager: ManagerClient
  readonly threads: readonly SealingThread[]
  readonly identity: Omit<WorkerInfo, 'Summary'>
  readonly intervalMs: number
  readonly clock: Clock
  readonly log: Logger
}

/** Tells the manager at every interval that this worker is alive. Ends when the signal aborts. */
export async function pingUntil(signal: AbortSignal, parts: PingParts): Promise<void> {
  const { manager, threads, identity, intervalMs, clock, log } = parts
  for (;;) {
    try {
      await clock.sleep(intervalMs, signal)
    } catch {
      return
    }
    try {
      await manager.WorkerPing({ ...identity, Summary: summaryOf(threads) })
    } catch (error) {
      log.warn({ err: error }, `cannot ping the manager: ${errorText(error)}`)
    }
  }
}
