import type { Clock } from '../../kit/clock.js'

/** After the node has refused a message the next one is not tried before this; each refusal in a row doubles it, ms. */
const PAUSE_MS = { first: 5_000, most: 60_000 } as const

/** Keeps messages back for a while after a refusal. */
export class RefusalPause {
  readonly #clock: Clock
  #notBefore = Number.NEGATIVE_INFINITY
  #nextMs: number = PAUSE_MS.first

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What is left of the pause, ms; 0 when there is none. */
  get leftMs(): number {
    return Math.max(0, this.#notBefore - this.#clock.monotonic())
  }

  refused(): void {
    this.#notBefore = this.#clock.monotonic() + this.#nextMs
    this.#nextMs = Math.min(2 * this.#nextMs, PAUSE_MS.most)
  }

  taken(): void {
    this.#nextMs = PAUSE_MS.first
  }
}
