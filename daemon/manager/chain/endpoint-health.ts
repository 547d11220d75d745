const FIRST_REST_MS = 500
const LONGEST_REST_MS = 30_000
/** Share of the newest call in the averages. */
const NEWEST = 0.2

/** How well one endpoint has answered lately. One that failed rests for a while, longer each time, and is asked only when no other is left. */
export class EndpointHealth {
  #failures = 0
  #restUntil = Number.NEGATIVE_INFINITY
  #good = 1
  #latencyMs = 0

  /** Between 0 (never answers) and 1 (always answers). */
  get score(): number {
    return this.#good
  }

  get latencyMs(): number {
    return this.#latencyMs
  }

  rests(now: number): boolean {
    return now < this.#restUntil
  }

  answered(tookMs: number): void {
    this.#failures = 0
    this.#restUntil = Number.NEGATIVE_INFINITY
    this.#good += NEWEST * (1 - this.#good)
    this.#latencyMs += NEWEST * (tookMs - this.#latencyMs)
  }

  failed(now: number): void {
    this.#good -= NEWEST * this.#good
    this.#restUntil = now + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** this.#failures)
    this.#failures += 1
  }
}
