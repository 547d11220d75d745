export interface RetryPolicy {
  /** Claims of one job before it is parked. */
  readonly maxAttempts: number
  /** The pause after the first failure, ms; it doubles with each further one. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
}

/** How long a job that has been tried so often waits for its next attempt, ms; undefined when there is none. */
export function pauseAfter(attempts: number, policy: RetryPolicy): number | undefined {
  if (attempts >= policy.maxAttempts) return undefined
  return Math.min(policy.firstPauseMs * 2 ** Math.max(0, attempts - 1), policy.longestPauseMs)
}
