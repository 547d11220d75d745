import type { Clock } from '../../kit/clock.js'

/** A clock that goes so much faster or slower than time does was set. */
const JUMP_MS = 60_000

/**
 * Since when something could be heard of workers, by the clock that their words are dated with. When somebody sets that clock, by hours perhaps, what
 * was heard before is dated by another one: then it is as if listening had begun at that moment, so that no lease ends by it.
 */
export class ListeningSince {
  readonly #clock: Clock
  #since: number
  #seen: { readonly now: number; readonly monotonic: number }

  constructor(clock: Clock) {
    this.#clock = clock
    this.#seen = { now: clock.now(), monotonic: clock.monotonic() }
    this.#since = this.#seen.now
  }

  /** The present moment, and since when something could be heard; ms since the Unix epoch. */
  look(): { readonly now: number; readonly listeningSince: number } {
    const seen = { now: this.#clock.now(), monotonic: this.#clock.monotonic() }
    const jumped = seen.now - this.#seen.now - (seen.monotonic - this.#seen.monotonic)
    if (Math.abs(jumped) >= JUMP_MS) this.#since = seen.now
    this.#seen = seen
    return { now: seen.now, listeningSince: this.#since }
  }
}
