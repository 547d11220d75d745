/** How the proofs of a window go. Durations in ms. */
export interface Progress {
  /** Since the first batch was begun. */
  readonly elapsedMs: number
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
export function isAtRisk({ elapsedMs, left, took, parallel, usualMs, leftMs }: Progress): boolean {
  if (left === 0) return false
  if (leftMs <= 0) return true
  const batchMs = took.length > 0 ? mean(took) : usualMs
  if (batchMs === undefined) return elapsedMs > (elapsedMs + leftMs) * FIRST_BATCH_SHARE
  const running = Math.max(0, elapsedMs - took.reduce((sum, ms) => sum + ms, 0))
  const needed = parallel ? Math.max(batchMs, running) - running : left * batchMs - Math.min(running, batchMs)
  // A batch that has run for longer than a usual one may take as long again.
  return Math.max(needed, running > batchMs ? batchMs : 0) > leftMs
}
