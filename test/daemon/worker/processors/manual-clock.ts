import type { Clock } from '../../../../daemon/kit/clock.js'

interface Sleeper {
  readonly until: number
  wake(): void
}

/** A clock that stands still until the test turns it. */
export class ManualClock implements Clock {
  #now = 1_000_000
  #sleepers: Sleeper[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  get sleeping(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const sleeper: Sleeper = { until: this.#now + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter(other => other !== sleeper)
        reject(signal.reason)
      })
    })
  }

  /** Lets time pass; everyone whose time has come goes on before this resolves. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await new Promise(setImmediate)
      const next = this.#sleepers.filter(sleeper => sleeper.until <= end).sort((a, b) => a.until - b.until)[0]
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.until)
      this.#sleepers = this.#sleepers.filter(other => other !== next)
      next.wake()
    }
    this.#now = end
    await new Promise(setImmediate)
  }
}
