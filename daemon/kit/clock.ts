/** Time as a dependency: tests hand in a clock they turn themselves. */
export interface Clock {
  /** Milliseconds since the Unix epoch; for records, never for measuring. */
  now(): number
  /** Monotonic milliseconds; for measuring and deadlines. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The longest delay a Node timer takes before it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = (): void => {
        clearTimeout(timer)
        reject(signal!.reason)
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', stop)
          resolve()
        },
        Math.min(Math.max(ms, 0), MAX_TIMER_MS),
      )
      signal?.addEventListener('abort', stop, { once: true })
    }),
}
