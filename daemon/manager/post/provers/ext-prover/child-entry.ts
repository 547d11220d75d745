import { type ChildConfig, DEFAULT_CHILD } from '../../../../kit/processors/child-config.js'
import type { ExtProverEntry } from '../../../config/ext-prover-settings.js'

const FOREIGN_READY_SECS = 5
const SECOND = 1_000

/** An entry of `ext-prover.cfg` as the child that it stands for. `Args` count with `Bin` only. */
export function childOf(entry: ExtProverEntry): ChildConfig {
  const { Bin, Args, Envs, Concurrent, Weight, ReadyTimeoutSecs, StallTimeoutSecs } = entry
  const readySecs = ReadyTimeoutSecs || (Bin ? FOREIGN_READY_SECS : 0)
  return {
    ...DEFAULT_CHILD,
    ...(Bin && { bin: Bin, args: Args }),
    envs: Envs,
    concurrent: Concurrent,
    weight: Weight,
    ...(readySecs > 0 && { stableWaitMs: readySecs * SECOND }),
    ...(StallTimeoutSecs > 0 && { stallLimitMs: StallTimeoutSecs * SECOND }),
  }
}
