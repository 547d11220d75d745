import type { WdPoStAllocatedJob, WindowPoStOutput } from '../../../rpc-schema/manager/wdpost-job.js'
import type { JobContext } from '../engine/job-plan.js'
import { VanillaUpload } from './vanilla-exchange.js'

/** Reads the sectors of a job and hands in what they have to show. `reason`: why some of them have not been read. */
export async function readPart(
  job: WdPoStAllocatedJob,
  { environment, clock, log }: JobContext,
  signal: AbortSignal,
): Promise<{ output: WindowPoStOutput; reason: string }> {
  const { managerOrigin: origin, managerToken: token, stores, windowReads } = environment
  const upload = new VanillaUpload(job.Id, { origin, token, clock, log, signal })
  const begun = clock.monotonic()
  const ends = AbortSignal.any([signal, upload.refused])
  const reading = await windowReads.read(job, stores, (sector, vanilla) => upload.add(sector, vanilla), ends)
  await upload.end()
  const { faults, unread, reason } = reading
  const readMs = Math.round(clock.monotonic() - begun)
  log.info({ job: job.Id, sectors: job.Input.Sectors.length, faults, unread, readMs }, 'sectors read for a window PoSt')
  return { output: { proofs: [], faults: [...faults], unread: [...unread] }, reason }
}
