import type { workQueueMethods } from '../../../rpc-schema/manager/work-queues.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { shownDestination } from '../unseal/destination.js'
import type { WorkLease } from '../workers/work-lease.js'
import type { Rooms } from './rooms.js'

const holder = (lease: WorkLease | null) => ({ TakenAt: lease?.takenAt ?? null, Worker: lease?.holder ?? null })

/** Upgrades, rebuilds and unseal tasks as they stand. */
export function workQueuesApi({ snapUp, rebuilds, unseals }: Rooms): Handlers<typeof workQueueMethods> {
  return {
    SnapUpJobs: async () =>
      (await snapUp.jobs.list()).map(({ sid, state, attempts, failedMessages, nextAt, note }) => ({
        Sector: sid,
        State: state,
        Attempts: attempts,
        FailedMessages: failedMessages,
        NextAt: nextAt,
        Note: note,
      })),
    RebuildQueue: async () =>
      (await rebuilds.list()).map(({ sid, proofType, upgraded, failures, lease }) => ({
        Sector: sid,
        ProofType: proofType,
        Upgraded: upgraded,
        Failures: failures,
        ...holder(lease),
      })),
    UnsealTasks: async () =>
      (await unseals.list()).map(task => ({
        Sector: task.sid,
        PieceCid: task.pieceCid,
        Offset: task.offset,
        Size: task.size,
        State: task.state,
        Error: task.error,
        Dest: task.dests.map(shownDestination),
        Failures: task.failures,
        ...holder(task.lease),
        Upgraded: task.upgraded,
        Note: unseals.waitsFor(task),
      })),
  }
}
