import type {
  PathView,
  RunningView,
  TaskView,
  WorkerView,
  World,
} from '../../../../daemon/manager/stages/scheduler/world.js'
import { STAGE_KINDS } from '../../../../rpc-schema/stages/kinds.js'

export const GIB = 1024 ** 3
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const SIZE_32 = 32 * GIB

export const path = (id: string, more: Partial<PathView> = {}): PathView => ({
  id,
  canSeal: true,
  canStore: false,
  freeBytes: 100_000 * GIB,
  ...more,
})

/** A worker that can do anything on a machine of its own. */
export const worker = (name: string, more: Partial<WorkerView> = {}): WorkerView => ({
  id: name,
  name,
  machine: `machine of ${name}`,
  kinds: new Set(STAGE_KINDS),
  quiet: false,
  sectorSizes: [],
  paths: [path(`path of ${name}`)],
  memoryBytes: 1024 * GIB,
  cores: 64,
  gpus: [],
  posting: false,
  fetchLimit: 10,
  tasksAtOnce: 1_000,
  ...more,
})

export const task = (kind: TaskView['kind'], more: Partial<TaskView> = {}): TaskView => ({
  id: `${kind} of s-t01000-1`,
  sector: 's-t01000-1',
  kind,
  sectorSize: SIZE_32,
  place: kind === 'AP' ? null : 'path of A',
  readyAt: 0,
  ...more,
})

export const running = (kind: TaskView['kind'], by: string, more: Partial<RunningView> = {}): RunningView => ({
  kind,
  sectorSize: SIZE_32,
  worker: by,
  path: null,
  fetches: false,
  ...more,
})

export const world = (more: Partial<World>): World => ({
  now: 0,
  workers: [],
  running: [],
  resting: [],
  waiting: [],
  removing: new Set(),
  localityPatienceMs: 10 * MINUTE,
  patienceMs: 6 * HOUR,
  ...more,
})
