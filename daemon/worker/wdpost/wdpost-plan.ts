import type { AllocateWdPoStJobSpec, WdPoStAllocatedJob, WdPoStPart } from '../../../rpc-schema/manager/wdpost-job.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText, SealError } from '../../../rpc-schema/seal-error.js'
import { POST_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { failureText, Interrupt, ManagerUnreachable } from '../engine/failure.js'
import type { JobContext, JobPlan } from '../engine/job-plan.js'
import { ThreadWork } from '../engine/thread-work.js'
import type { AttachedStores } from '../store/attached-store.js'
import { WdPoStJob } from './wdpost-job.js'

/** Proves windows for a manager whose prover is its workers (`--worker-prover`). */
export const wdpostPlan: JobPlan = {
  name: 'wdpost',
  async take(context) {
    const job = await askForJob(context)
    if (job === undefined) return undefined
    const { Id, Input } = job
    const part = job.Read ? 'read' : job.Prove ? 'prove' : 'whole'
    context.log.info({ job: Id, part, miner: Input.MinerId, sectors: Input.Sectors.length }, 'window PoSt job taken')
    return new WdPoStJob(job)
  },
}

/** PoSt proofs of these sizes by name; a manager compares them as text. No sizes: no limit. */
export function allowedPoStProofs(sizes: readonly number[] | undefined): string[] {
  const proofs = [...new Set(sizes)].flatMap(size => POST_PROOFS.filter(proof => proof.sectorSize === size))
  return proofs.map(proof => proof.wireName)
}

/** Managers of damocles know whole jobs only, and so nothing is said of parts where there is nothing else to say. */
const partsOf = (parts: readonly WdPoStPart[], { names }: AttachedStores): Partial<AllocateWdPoStJobSpec> =>
  parts.every(part => part === 'whole') ? {} : { AllowedParts: [...new Set(parts)], Stores: names }

/** Workers that have been told that their manager has no jobs to give at all; it need not be said at every question. */
const told = new WeakSet<object>()

/** A manager that answers with an error, or does not answer, has no job for now. */
async function askForJob(context: JobContext): Promise<WdPoStAllocatedJob | undefined> {
  const { environment, config, instance, log, status } = context
  const spec = {
    AllowedMiners: [...config.allowedMiners],
    AllowedProofTypes: allowedPoStProofs(config.allowedSizes),
    ...partsOf(config.windowParts, environment.stores),
  }
  status.jobState = 'Empty'
  try {
    const jobs = await new ThreadWork(context).call(environment.manager.WdPoStAllocateJobs(spec, 1, instance))
    told.delete(environment)
    return jobs[0]
  } catch (error) {
    if (!(error instanceof SealError) || error instanceof Interrupt) throw error
    if (error instanceof ManagerUnreachable) status.managerSilent(failureText(error))
    else if (!isMethodUnknown(error)) log.warn({ err: error }, `WdPoStAllocateJobs: ${errorText(error)}`)
    else if (!told.has(environment)) {
      told.add(environment)
      log.warn(
        'worker-prover not enabled: the manager has no window PoSt jobs for workers (start it with --worker-prover)',
      )
    }
    return undefined
  }
}

const isMethodUnknown = ({ cause }: SealError): boolean =>
  cause instanceof RpcError && cause.code === RPC_ERROR.methodNotFound
