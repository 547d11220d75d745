import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { LimitName, StageName } from './processors.js'

/** What happens in the processors, for metrics. Every method returns at once and never throws. Times in ms. */
export interface ProcessorObserver {
  /** The work itself, without the waits before it. */
  stageEnded(stage: StageName, tookMs: number, result: 'done' | 'failed'): void
  /** Waited for a place among `limitation.concurrent`, or for the turn of `limitation.staggered`. */
  limitWaited(limit: LimitName, tookMs: number): void
  /** Waited for a child with a free slot and free locks. */
  childWaited(stage: StageName, tookMs: number): void
  childRestarted(stage: string): void
  progressed(stage: StageName, sector: string | undefined, progress: Progress): void
}

export const NO_OBSERVER: ProcessorObserver = {
  stageEnded() {},
  limitWaited() {},
  childWaited() {},
  childRestarted() {},
  progressed() {},
}
