import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { NumberRepository } from './number-repository.js'

export interface NumberLimits {
  /** Numbers are given above this one. */
  readonly min: number
  /** The last one that may be given; null is no limit. */
  readonly max: number | null
}

/** How many numbers are looked through at once for one without a record. */
const SCAN = 64

/** Gives each sector number of a miner once, in one transaction with the record of the sector. */
export class NumberAllocator {
  readonly #book: SectorBook
  readonly #numbers = new NumberRepository()

  constructor(book: SectorBook) {
    this.#book = book
  }

  /**
   * The next number that neither has a record here nor is used up on the chain (a restored database may have forgotten what it gave), or null when
   * all are used up.
   */
  allocate(miner: number, proofType: number, limits: NumberLimits, usedOnChain: Bitfield): Promise<number | null> {
    return this.#book.transaction(async trx => {
      const last = await this.#numbers.last(miner, trx)
      let next = Math.max(last, limits.min) + 1
      for (;;) {
        next = firstUnused(next, usedOnChain)
        const candidates = Array.from({ length: SCAN }, (_, offset) => next + offset)
        const taken = await this.#book.taken(miner, candidates, trx)
        const free = candidates.find(number => !taken.has(number) && !usedOnChain.has(number))
        if (free !== undefined) {
          next = free
          break
        }
        next += SCAN
      }
      if (limits.max !== null && next > limits.max) return null
      await this.#numbers.set(miner, next, trx)
      await this.#book.create({ Miner: miner, Number: next }, proofType, { actor: 'manager', event: 'allocated' }, trx)
      return next
    })
  }
}

/** The first number from `from` on that is not in the set; the set may hold billions. */
export function firstUnused(from: number, used: Bitfield): number {
  for (const [start, end] of used.ranges()) {
    if (from < start) return from
    if (from < end) return end
  }
  return from
}
