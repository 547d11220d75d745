/** A proof is taken for hung after so many times the longest that has been seen. */
const FACTOR = 3
/** However fast the proofs were. */
const LEAST_MS = 5 * 60_000

/**
 * Tells from earlier proofs when one hangs. Without any nothing is known: a program that is merely slow must not be killed just before it is done.
 */
export class HangRule {
  #longestMs: number | undefined

  /** A proof was made: `size` in partitions. */
  note(size: number, tookMs: number): void {
    this.#longestMs = Math.max(this.#longestMs ?? 0, tookMs / Math.max(1, size))
  }

  /** How long one may take without a sign of life; undefined: nobody knows. */
  limitMs(size: number): number | undefined {
    const expected = this.#expectedMs(size)
    return expected === undefined ? undefined : Math.max(LEAST_MS, FACTOR * expected)
  }

  /** Whether a proof that is begun now can still be made. */
  isWorthwhile(size: number, leftMs: number): boolean {
    return leftMs >= (this.#expectedMs(size) ?? 0)
  }

  #expectedMs(size: number): number | undefined {
    return this.#longestMs === undefined ? undefined : this.#longestMs * Math.max(1, size)
  }
}
