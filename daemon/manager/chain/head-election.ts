/** What one look at an endpoint has shown; undefined when it did not answer. */
export interface SeenHead {
  readonly height: number
  readonly weight: bigint
}

/** Looks in a row at which another endpoint must be ahead before it takes over. */
const LEAD_LOOKS = 3

/**
 * Which of several endpoints is believed. The heavier head wins, but only when it has been heavier for several looks: nodes that follow one chain
 * overtake one another at every block, and to change with them would be to see the chain jump back and forth.
 */
export class HeadElection {
  #current = 0
  readonly #leads: number[]

  constructor(count: number) {
    this.#leads = Array<number>(count).fill(0)
  }

  get current(): number {
    return this.#current
  }

  /** Takes note of a look at all endpoints; returns the one to believe from now on. */
  look(heads: readonly (SeenHead | undefined)[]): number {
    const own = heads[this.#current]
    for (const [index, head] of heads.entries()) {
      const ahead = index !== this.#current && head !== undefined && (own === undefined || head.weight > own.weight)
      this.#leads[index] = ahead ? this.#leads[index]! + 1 : 0
    }
    const heaviest = this.#heaviest(heads)
    if (heaviest !== undefined && this.#leads[heaviest]! >= LEAD_LOOKS) this.choose(heaviest)
    return this.#current
  }

  /** The present one does not answer: another is believed at once. */
  choose(index: number): void {
    this.#current = index
    this.#leads.fill(0)
  }

  #heaviest(heads: readonly (SeenHead | undefined)[]): number | undefined {
    let best: number | undefined
    for (const [index, head] of heads.entries())
      if (head !== undefined && (best === undefined || head.weight > heads[best]!.weight)) best = index
    return best
  }
}
