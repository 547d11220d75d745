import type { StageKind } from '../../../../rpc-schema/stages/kinds.js'

/** A path on which sectors are sealed or kept, as a worker sees it now. */
export interface PathView {
  /** Of its identity file: workers that tell the same one share the path. */
  readonly id: string
  readonly canSeal: boolean
  readonly canStore: boolean
  readonly freeBytes: number
}

/** A worker that has been heard of lately. */
export interface WorkerView {
  readonly id: string
  readonly name: string
  readonly machine: string
  readonly kinds: ReadonlySet<StageKind>
  /** Takes nothing new: it is to be stopped. */
  readonly quiet: boolean
  /** Sector sizes that it seals; empty: any. */
  readonly sectorSizes: readonly number[]
  readonly paths: readonly PathView[]
  /** Of its machine, which workers share. */
  readonly memoryBytes: number
  /** Those that this worker may use. */
  readonly cores: number
  /** Ids of those it may use, as they are told apart on its machine. */
  readonly gpus: readonly string[]
  /** A window or winning proof is being made on its machine. */
  readonly posting: boolean
  /** Most sectors that it fetches at once. */
  readonly fetchLimit: number
  readonly tasksAtOnce: number
}

export interface TaskView {
  readonly id: string
  readonly sector: string
  readonly kind: StageKind
  readonly sectorSize: number
  /** The path that has the sector's files; null before there are any. */
  readonly place: string | null
  /** Ready since, ms since the Unix epoch. */
  readonly readyAt: number
}

export interface RunningView {
  readonly kind: StageKind
  readonly sectorSize: number
  readonly worker: string
  /** The path where it works, or null. */
  readonly path: string | null
  /** The sector's files had to be brought first. */
  readonly fetches: boolean
}

/** A sector on a sealing path which is not at a task just now, by the kind of its next task. */
export interface RestingView {
  readonly path: string
  readonly kind: StageKind
  readonly sectorSize: number
}

/** All that a decision is made by. */
export interface World {
  readonly now: number
  readonly workers: readonly WorkerView[]
  readonly running: readonly RunningView[]
  readonly resting: readonly RestingView[]
  readonly waiting: readonly TaskView[]
  /** `SECTOR on PATH`: files of an earlier visit that a worker is just removing. */
  readonly removing: ReadonlySet<string>
  /** How long a task waits for a worker that has its files before it is copied to another, ms. */
  readonly localityPatienceMs: number
  /** How long a task waits until everything else on a machine that could do it stands back, ms. */
  readonly patienceMs: number
}
