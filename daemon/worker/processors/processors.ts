import type { BuiltInStages } from '../../../plugins/stages/built-in-stages.js'
import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { StageName, StageOutput, StageTask } from '../../../rpc-schema/processor/stages.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { PostingMarks } from '../../kit/processors/posting-marks.js'
import type { Release } from '../../kit/processors/slots.js'
import type { Topology } from '../hardware/topology.js'
import type { ProcessorObserver } from './observer.js'
import type { LimitName, ProcessorsConfig } from './processors-config.js'
import { WorkerProcessors } from './worker-processors.js'

export type { Progress } from '../../../rpc-schema/processor/frames.js'
export type { StageName, StageOutput, StageTask } from '../../../rpc-schema/processor/stages.js'
export type { ChildConfig, ChildStage } from '../../kit/processors/child-config.js'
export { DEFAULT_CHILD, FOREIGN_STABLE_WAIT_MS } from '../../kit/processors/child-config.js'
export type { Release } from '../../kit/processors/slots.js'
export type { LimitName, ProcessorsConfig } from './processors-config.js'
export { DEFAULT_PROCESSORS } from './processors-config.js'

export interface StageRun {
  /**
   * Stops waiting: the promise rejects with the signal's reason at once. A child or a native call that works on cannot be
   * recalled; it keeps its slot and locks until it ends, so that nothing else is started on the same device.
   */
  readonly signal?: AbortSignal | undefined
  /** Ends only the wait for a processor; once the work has started, it has no effect. */
  readonly waitSignal?: AbortSignal | undefined
  /** Names the sector in logs, `s-t01000-7`. */
  readonly sector?: string | undefined
  /** Called when a processor was found and the work starts, with its display name: `builtin PC1` or `ext(pid: 123)`. */
  onStart?(processor: string): void
  onProgress?(progress: Progress): void
  /** Given what is really at work: it settles when nothing touches the files of the task any more, also where nobody waits for that. */
  onWork?(work: Promise<unknown>): void
}

/** Where a worker's stages run. */
export interface Processors {
  /**
   * Runs one task. Takes nothing but the processor itself: the choice of a child, its slot and its locks.
   * Throws ProcessorError (a SealError) when the processor failed, died or stalled, SealError when a built-in stage failed.
   */
  run<S extends StageName>(stage: S, task: StageTask<S>, run?: StageRun): Promise<StageOutput<S>>
  /** The limits of `limitation.*`: a step takes them before it prepares its files, and gives them back when the stage is over. */
  acquire(stage: LimitName, signal?: AbortSignal): Promise<Release>
  /**
   * Every child is started and has said that it is ready; rejects when one has not within its `stableWaitMs`, and before anything is
   * started when one is to run where it cannot.
   */
  ready(): Promise<void>
  /** Ends all children, then resolves. Tasks in flight fail. */
  close(): Promise<void>
}

export interface ProcessorsDeps {
  readonly log: Logger
  readonly clock: Clock
  /** Environment that children inherit and where `DUMP_ERR_RESP_<pid>` is looked up, live. Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv
  /** 0 ≤ x < 1, for the choice by weight. Default: `Math.random`. */
  readonly random?: () => number
  /** What runs the stages that have no children. Default: the built-in ones, in a pool of threads. */
  readonly builtIn?: BuiltInStages
  /** The script that a child without `bin` runs. Default: this program's `damocles-worker`. */
  readonly workerScript?: string
  /** Is told what happens, for metrics. Default: nobody. */
  readonly observer?: ProcessorObserver
  /** The processors of this machine, against which `cgroup.cpuset` and `numa_preferred` are checked. Default: as the kernel tells. */
  readonly topology?: () => Promise<Topology>
  /** Where the kernel tells of cgroups. Default: `/proc`. */
  readonly procRoot?: string
  /** Where `taskset` and `numactl` are looked for, as in PATH. Default: the system's usual places. */
  readonly toolPath?: string
  /** Where window and winning proofs are marked. Default: where all programs of this machine look. */
  readonly marks?: PostingMarks
  /** The longest line that a child may write. Default: what a string can hold, 500 MiB. */
  readonly maxLineBytes?: number
}

/** Starts nothing yet: `ready()` does, or the first task. */
export function createProcessors(config: ProcessorsConfig, deps: ProcessorsDeps): Processors {
  return new WorkerProcessors(config, deps)
}
