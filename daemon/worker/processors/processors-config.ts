import type { StageName } from '../../../rpc-schema/processor/stages.js'
import type { ChildConfig, ChildStage } from '../../kit/processors/child-config.js'

/** What `limitation.concurrent` and `limitation.staggered` are keyed by. */
export type LimitName = StageName

/** The `[processors]` tables of a worker, parsed. */
export interface ProcessorsConfig {
  /** Children of each stage, in file order. A stage that is absent or has no entries runs inside the worker. */
  readonly children: { readonly [S in ChildStage]?: readonly ChildConfig[] }
  readonly limitation: {
    /** Tasks of a stage that may run at once in this worker. */
    readonly concurrent: { readonly [L in LimitName]?: number }
    /** Milliseconds between two starts of a stage. */
    readonly staggered: { readonly [L in LimitName]?: number }
  }
  /** Lock name -> holders at once. A name that is not here never makes anyone wait. */
  readonly extLocks: Readonly<Record<string, number>>
  /** Sector size in bytes -> absolute path of a ready tree-d of zeros. Used by the plans, not by the processors. */
  readonly staticTreeD: ReadonlyMap<number, string>
}

/** No `[processors]` table at all: everything runs inside the worker, nothing is limited. */
export const DEFAULT_PROCESSORS: ProcessorsConfig = {
  children: {},
  limitation: { concurrent: {}, staggered: {} },
  extLocks: {},
  staticTreeD: new Map(),
}
