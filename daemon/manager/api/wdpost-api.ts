import type { wdpostMethods } from '../../../rpc-schema/manager/wdpost.js'
import type { BriefWdPoStJob, WdPoStJobState } from '../../../rpc-schema/manager/wdpost-job.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { JobState } from '../../kit/queue/job-table.js'
import type { WdPostJob } from '../post/provers/worker-prover/job-repository.js'
import type { WdPostJobs } from '../post/provers/worker-prover/wdpost-jobs.js'

/** The methods of workers that make window proofs, and of those who look after their jobs. */
export const wdpostApi = (jobs: WdPostJobs): Handlers<typeof wdpostMethods> => ({
  WdPoStAllocateJobs: (spec, num, worker) => jobs.allocate(spec, num, worker),
  WdPoStHeartbeatJobs: (ids, worker) => jobs.heartbeat(ids, worker),
  WdPoStFinishJob: (id, output, reason) => jobs.finish(id, output, reason),
  WdPoStResetJob: id => jobs.reset(id),
  WdPoStRemoveJob: id => jobs.remove(id),
  WdPoStAllJobs: async () => ({ Jobs: (await jobs.all()).map(brief), MaxTry: jobs.maxTry }),
})

const WIRE_STATES: Readonly<Record<JobState, WdPoStJobState>> = {
  ready: 'ready2run',
  running: 'running',
  parked: 'finished',
  done: 'finished',
}

const seconds = (ms: number): number => Math.floor(ms / 1000)

function brief(job: WdPostJob): BriefWdPoStJob {
  const isReady = job.state === 'ready'
  // Being given a job is its first sign of life.
  const heartbeatAt = isReady ? job.heartbeatAt : Math.max(job.heartbeatAt, job.startedAt)
  return {
    Id: job.id,
    State: WIRE_STATES[job.state],
    DeadlineIdx: job.deadline,
    Partitions: [...job.partitions],
    Input: { Sectors: null, MinerId: Number(job.group), ProofType: '', Seed: new Uint8Array(32) },
    Output: { proofs: null, faults: null },
    TryNum: job.attempts,
    ErrorReason: job.error,
    WorkerName: job.owner,
    StartedAt: isReady ? 0 : seconds(job.startedAt),
    HeartbeatAt: seconds(heartbeatAt),
    FinishedAt: isReady ? 0 : seconds(job.finishedAt),
    CreatedAt: seconds(job.createdAt),
    UpdatedAt: seconds(Math.max(job.createdAt, job.startedAt, heartbeatAt, job.finishedAt)),
    Sectors: job.sectors,
    Faults: job.faults,
    ...(job.part !== 'whole' && { Part: job.part, Waits: job.state === 'done' ? 0 : job.waits }),
  }
}
