import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Null, orNull, Text } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { Uint64 } from '../wire/numbers.js'
import { AllocateWdPoStJobSpec, AllWdPoStJob, WdPoStAllocatedJob, WindowPoStOutput } from './wdpost-job.js'

const jobID = param('jobID', z.string())

/** WindowPoSt by workers; served only when the worker prover is on. */
export const wdpostMethods = {
  WdPoStAllocateJobs: method(
    'Takes up to `num` jobs that are ready.',
    [param('spec', AllocateWdPoStJobSpec), param('num', Uint64), param('workerName', Text)],
    list(WdPoStAllocatedJob),
    { permission: 'write' },
  ),
  WdPoStHeartbeatJobs: method(
    'Tells that a worker is still at its jobs; one that is not running fails the whole call.',
    [param('jobIDs', list(z.string())), param('workerName', Text)],
    Null,
    { permission: 'write' },
  ),
  WdPoStFinishJob: method(
    'Hands in the proofs of a job, or the reason why there are none.',
    [jobID, param('output', orNull(WindowPoStOutput)), param('errorReason', Text)],
    Null,
    { permission: 'write' },
  ),
  WdPoStResetJob: method('Makes a job ready again.', [jobID], Null, { permission: 'admin' }),
  WdPoStRemoveJob: method('Deletes a job.', [jobID], Null, { permission: 'admin' }),
  WdPoStAllJobs: method('All jobs in short, the newest first.', [], AllWdPoStJob),
} as const
