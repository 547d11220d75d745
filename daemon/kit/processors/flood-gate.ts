import type { Clock } from '../clock.js'

/** Lets so many events pass in a second; the rest is counted, for what a child writes must not fill the worker's log. */
export class FloodGate {
  readonly #perSecond: number
  readonly #clock: Clock
  readonly #onSuppressed: (count: number) => void
  #secondStartedAt: number
  #passed = 0
  #suppressed = 0

  /** `onSuppressed` is told how many were held back, once a second at most, before the next one passes. */
  constructor(perSecond: number, clock: Clock, onSuppressed: (count: number) => void) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#onSuppressed = onSuppressed
    this.#secondStartedAt = clock.monotonic()
  }

  pass(): boolean {
    const now = this.#clock.monotonic()
    if (now - this.#secondStartedAt >= 1_000) {
      this.flush()
      this.#secondStartedAt = now
      this.#passed = 0
    }
    this.#passed += 1
    if (this.#passed <= this.#perSecond) return true
    this.#suppressed += 1
    return false
  }

  /** Tells of those that were held back and not told of yet. */
  flush(): void {
    if (this.#suppressed === 0) return
    this.#onSuppressed(this.#suppressed)
    this.#suppressed = 0
  }
}
