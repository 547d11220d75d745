/** How the proofs of a window go. Durations in ms. */
export interface Progress {
  /** Since the first batch was begun. */
  readonly elapsedMs: number
  /** Since the prover has been at the batch that it has had for longest; 0 while it has none. */
  readonly runningMs: number
  /** Batches that are not proven yet. */
  readonly left: number
  /** What each of the others took. */
  readonly took: readonly number[]
  /** All batches are proven at the same time. */
  readonly parallel: boolean
  /** What a batch of this miner took in windows before; undefined when there was none. */
  readonly usualMs: number | undefined
  /** Until a message of the window can no longer be sent. */
  readonly leftMs: number
}

/** Without anything to compare with, a first batch that takes half of the time until the close is a bad sign. */
const FIRST_BATCH_SHARE = 0.5

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Whether the window would be missed, or a part of it, at the present pace. */
export function isAtRisk({ elapsedMs, runningMs, left, took, parallel, usualMs, leftMs }: Progress): boolean {
  if (left === 0) return false
  if (leftMs <= 0) return true
  const batchMs = took.length > 0 ? mean(took) : usualMs
  if (batchMs === undefined) return elapsedMs > (elapsedMs + leftMs) * FIRST_BATCH_SHARE
  // A batch that has run for longer than a usual one may take as long again, and those after it as long as it.
  const expectedMs = runningMs > batchMs ? 2 * runningMs : batchMs
  return (parallel ? expectedMs : left * expectedMs) - runningMs > leftMs
}
