import type { StageLeftover, StageWorkerReport } from '../../../rpc-schema/manager/stages.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { TaskView, WorkerView, World } from './scheduler/world.js'
import type { StageTask, StageWorker } from './stage-repository.js'

/** How long nothing is heard of a worker before it counts as gone, ms. */
export const HEARD_MS = 60_000
const MINUTE = 60_000
/** Of a task that fails. */
export const STAGE_RETRY = { maxAttempts: 5, firstPauseMs: 5_000, longestPauseMs: 5 * MINUTE } as const
const LOCALITY_PATIENCE_MS = 10 * MINUTE
const PATIENCE_MS = 6 * 60 * MINUTE

/** A claim is owned by a process of a worker: the next process of the same worker does not know what the last one was at. */
export const ownerOf = (worker: string, boot: string): string => `${worker}/${boot}`
export const workerOf = (owner: string): string => owner.slice(0, owner.lastIndexOf('/'))

export const isHeard = ({ seenAt }: StageWorker, now: number): boolean => now - seenAt < HEARD_MS

/** Names the files of a sector on a path. */
export const removalKey = ({ Path, Sector }: StageLeftover): string => `${sectorName(Sector)} on ${Path}`

/** How the tasks stand, whatever the time. */
export interface Standing extends Pick<World, 'running' | 'resting' | 'removing'> {
  readonly ready: readonly { readonly notBefore: number; readonly view: TaskView }[]
}

/** `removing`: the files that a worker is just removing. */
export function standingOf(tasks: readonly StageTask[], removing: ReadonlySet<string>): Standing {
  const ready = tasks.filter(({ state }) => state === 'ready')
  return {
    running: tasks
      .filter(({ state }) => state === 'running')
      .map(({ kind, proofType, owner, path, fetchFrom }) => ({
        kind,
        sectorSize: sealProof(proofType).sectorSize,
        worker: workerOf(owner),
        path,
        fetches: fetchFrom !== null,
      })),
    resting: tasks
      .filter(({ state, place }) => state !== 'running' && place !== null)
      .map(({ kind, proofType, place }) => ({ kind, sectorSize: sealProof(proofType).sectorSize, path: place! })),
    ready: ready.map(task => ({ notBefore: task.notBefore, view: taskView(task) })),
    removing,
  }
}

/** What a decision is made by. `postingOn`: the machine where the manager is making a window proof just now. */
export function worldOf(
  now: number,
  workers: readonly StageWorker[],
  { running, resting, ready, removing }: Standing,
  postingOn?: string,
): World {
  return {
    now,
    workers: workers.filter(worker => isHeard(worker, now)).map(({ report }) => viewOf(report, postingOn)),
    running,
    resting,
    // A pause that is longer than any was made by a clock that has been put back since.
    waiting: ready
      .filter(({ notBefore }) => notBefore <= now || notBefore > now + STAGE_RETRY.longestPauseMs)
      .map(({ view }) => view),
    removing,
    localityPatienceMs: LOCALITY_PATIENCE_MS,
    patienceMs: PATIENCE_MS,
  }
}

export const taskView = ({ id, sid, kind, proofType, place, readyAt }: StageTask): TaskView => ({
  id,
  sector: sectorName(sid),
  kind,
  sectorSize: sealProof(proofType).sectorSize,
  place,
  readyAt,
})

const viewOf = (report: StageWorkerReport, postingOn: string | undefined): WorkerView => ({
  id: report.ID,
  name: report.Name,
  machine: report.Machine,
  kinds: new Set(report.Kinds),
  quiet: report.Quiet,
  sectorSizes: report.SectorSizes,
  paths: report.Paths.map(({ ID, CanSeal, CanStore, FreeBytes }) => ({
    id: ID,
    canSeal: CanSeal,
    canStore: CanStore,
    freeBytes: FreeBytes,
  })),
  memoryBytes: report.MemoryBytes,
  cores: report.Cores,
  gpus: report.GPUs,
  posting: report.Posting || report.Machine === postingOn,
  fetchLimit: report.FetchLimit,
  tasksAtOnce: report.TasksAtOnce,
})
