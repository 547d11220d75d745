import type { Clock } from '../../../../daemon/kit/clock.js'

interface Sleeper {
  readonly at: number
  wake(): void
}

/** Time that stands still until a test turns it. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000
  readonly #start = this.#now
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  get sleepers(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = (): void => {
        this.#sleepers.delete(sleeper)
        reject(signal!.reason)
      }
      const sleeper: Sleeper = {
        at: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal?.removeEventListener('abort', stop)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', stop, { once: true })
    })
  }

  /** Lets `ms` pass. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (let next = this.#next(); next !== undefined && next.at <= until; next = this.#next()) {
      this.#now = Math.max(this.#now, next.at)
      next.wake()
    }
    this.#now = until
  }

  /** Goes to the moment at which the next sleeper wakes. */
  turn(): void {
    const next = this.#next()
    if (next !== undefined) this.advance(next.at - this.#now)
  }

  #next(): Sleeper | undefined {
    return [...this.#sleepers].sort((a, b) => a.at - b.at)[0]
  }
}
