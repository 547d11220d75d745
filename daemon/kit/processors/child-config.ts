import type { StageName } from '../../../rpc-schema/processor/stages.js'

/** What `[[processors.<stage>]]` can be written for: every stage, and processes that are only kept alive. */
export type ChildStage = StageName | 'sealing_daemons'

/** One `[[processors.<stage>]]` entry: one child process. */
export interface ChildConfig {
  /** Program. Default: this worker's own executable. */
  readonly bin?: string | undefined
  /** Default: `processor <stage>`. */
  readonly args?: readonly string[] | undefined
  /** How long the ready line may take. */
  readonly stableWaitMs: number
  readonly numaPreferred?: number | undefined
  /** `groupName` is the first part of the cgroup's path; without `cpuset` there is no binding. */
  readonly cgroup: { readonly groupName: string; readonly cpuset?: string | undefined }
  readonly envs: Readonly<Record<string, string>>
  /** Tasks in flight in this child; undefined: no limit. */
  readonly concurrent?: number | undefined
  /** Names of `extLocks` held while a task runs in this child. */
  readonly locks: readonly string[]
  readonly autoRestart: boolean
  /** false: the child sees nothing but `envs` and what the worker sets itself. */
  readonly inheritEnvs: boolean
  /** Share of the tasks among the children that are free. As soon as one child of a stage has a weight, those without count 1. */
  readonly weight?: number | undefined
  /** A task that neither ends nor reports progress for so long is taken for hung and its child killed. undefined: never. */
  readonly stallLimitMs?: number | undefined
}

/** Time for the ready line of a foreign program. */
export const FOREIGN_STABLE_WAIT_MS = 5_000

/** What an empty `[[processors.<stage>]]` entry means: this program, which loads its proofs before it says that it is ready. */
export const DEFAULT_CHILD: ChildConfig = {
  stableWaitMs: 60_000,
  cgroup: { groupName: 'vc-worker' },
  envs: {},
  locks: [],
  autoRestart: true,
  inheritEnvs: true,
}
