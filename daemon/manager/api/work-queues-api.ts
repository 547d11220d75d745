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
      (await unseals.list()).map(({ sid, pieceCid, offset, size, state, error, dests, failures, lease }) => ({
        Sector: sid,
        PieceCid: pieceCid,
        Offset: offset,
        Size: size,
        State: state,
        Error: error,
        Dest: dests.map(shownDestination),
        Failures: failures,
        ...holder(lease),
      })),
  }
}
