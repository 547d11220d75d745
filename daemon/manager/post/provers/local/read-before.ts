import { bytesEqual } from '../../../../../rpc-schema/wire/bytes.js'

/** What a sector has shown for its challenges. */
export interface Reading {
  readonly commR: Uint8Array
  readonly challenges: readonly number[]
  readonly vanilla: Uint8Array
}

/**
 * What was read for proofs that could not be made, because other sectors of them failed: the next one, without those, need not read it again. Readings of
 * a miner are for one randomness; they go with the first of another.
 */
export class ReadBefore {
  readonly #miners = new Map<number, { readonly randomness: Uint8Array; readonly sectors: Map<number, Reading> }>()

  keep(miner: number, randomness: Uint8Array, readings: Iterable<readonly [number, Reading]>): void {
    const { sectors } = this.#of(miner, randomness)
    for (const [number, reading] of readings) sectors.set(number, reading)
  }

  /** It is given once. Undefined when the sector was not read, or for something else. */
  take(
    miner: number,
    randomness: Uint8Array,
    number: number,
    { commR, challenges }: Omit<Reading, 'vanilla'>,
  ): Uint8Array | undefined {
    const { sectors } = this.#of(miner, randomness)
    const found = sectors.get(number)
    sectors.delete(number)
    if (found === undefined || !bytesEqual(found.commR, commR)) return undefined
    return found.challenges.join() === challenges.join() ? found.vanilla : undefined
  }

  #of(miner: number, randomness: Uint8Array): { readonly sectors: Map<number, Reading> } {
    const known = this.#miners.get(miner)
    if (known !== undefined && bytesEqual(known.randomness, randomness)) return known
    const fresh = { randomness, sectors: new Map<number, Reading>() }
    this.#miners.set(miner, fresh)
    return fresh
  }
}
