import { POLICY } from './policy.js'
import { type ChainTipSet, heightOf } from './tipset.js'

/** Epochs whose states are kept in memory: finality, and as much again. */
export const WINDOW_EPOCHS = 2 * POLICY.chainFinality
/** Tipsets of other forks that are still known. */
const REVERTED_KEPT = 500

/** The upper end of the chain, with its states. */
export class TipSetWindow {
  /** By rising height. */
  #tipsets: ChainTipSet[]
  readonly #byCid = new Map<string, ChainTipSet>()
  readonly #reverted: ChainTipSet[] = []

  constructor(tipsets: readonly ChainTipSet[]) {
    this.#tipsets = []
    for (const tipset of tipsets) this.push(tipset)
  }

  get head(): ChainTipSet {
    return this.#tipsets[this.#tipsets.length - 1]!
  }

  push(tipset: ChainTipSet): void {
    this.#tipsets.push(tipset)
    this.#byCid.set(tipset.cid.toString(), tipset)
    const limit = heightOf(tipset) - WINDOW_EPOCHS
    let drop = 0
    while (drop < this.#tipsets.length - 2 && heightOf(this.#tipsets[drop + 1]!) <= limit) drop += 1
    // Moving the array is paid once for many tipsets.
    if (drop < 256) return
    for (const old of this.#tipsets.slice(0, drop)) this.#byCid.delete(old.cid.toString())
    this.#tipsets = this.#tipsets.slice(drop)
  }

  /** Takes tipsets off the top; newest first. At least one stays. */
  pop(count: number): ChainTipSet[] {
    const popped = this.#tipsets.splice(Math.max(1, this.#tipsets.length - count)).reverse()
    this.#reverted.push(...popped)
    for (const old of this.#reverted.splice(0, this.#reverted.length - REVERTED_KEPT)) {
      this.#byCid.delete(old.cid.toString())
    }
    return popped
  }

  /** Of the present fork, or of one that was left not long ago. */
  byCid(cid: string): ChainTipSet | undefined {
    return this.#byCid.get(cid)
  }

  isCanonical(tipset: ChainTipSet): boolean {
    return this.at(heightOf(tipset)) === tipset
  }

  at(height: number): ChainTipSet | undefined {
    const found = this.atOrBelow(height)
    return found !== undefined && heightOf(found) === height ? found : undefined
  }

  atOrBelow(height: number): ChainTipSet | undefined {
    return this.#tipsets[this.#upper(height) - 1]
  }

  /** Nothing for a height below the window: what is above it there is not known. */
  above(height: number): ChainTipSet | undefined {
    const index = this.#upper(height)
    return index === 0 ? undefined : this.#tipsets[index]
  }

  /** Index of the first tipset above a height. */
  #upper(height: number): number {
    let low = 0
    let high = this.#tipsets.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (heightOf(this.#tipsets[middle]!) <= height) low = middle + 1
      else high = middle
    }
    return low
  }
}
