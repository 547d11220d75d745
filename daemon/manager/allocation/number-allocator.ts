import type { Knex } from 'knex'
import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { Clock } from '../../kit/clock.js'
import { inTransaction } from '../../kit/database.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { TakeoverRepository } from '../takeover/takeover-repository.js'
import { chooseNumber, largestWithin, type NumberLimits } from './number-choice.js'
import { NumberRepository, type NumberSkip } from './number-repository.js'
import type { Pledges } from './pledges.js'

/** What the stores know of numbers. */
export interface StoredNumbers {
  /** The largest number of a miner with files, not above `most`. */
  largest(miner: number, most: number | null): Promise<number | undefined>
}

export interface AllocationRules extends NumberLimits {
  /** No number is given while so many sectors of the miner are being sealed; 0 is no limit. */
  readonly maxSealing: number
  /** Only give numbers for pledges. */
  readonly pledgeOnly: boolean
}

/** Why there is no number for a worker. */
export type NoNumber =
  | 'a takeover is not finished'
  | 'numbers used up'
  | 'enough sectors are being sealed'
  | 'no pledge waits'

export type Allocation = { readonly number: number; readonly skipped: string | undefined } | { readonly none: NoNumber }

/** Done in the transaction that gives the number: both happen, or neither. */
export type AlongWithNumber = (sector: AllocatedSector, trx: Knex.Transaction) => Promise<void>

/** Gives each sector number of a miner once, in one transaction with the record of the sector. */
export class NumberAllocator {
  readonly #db: Knex
  readonly #clock: Clock
  readonly #book: SectorBook
  readonly #pledges: Pledges
  readonly #stored: StoredNumbers
  readonly #numbers = new NumberRepository()
  readonly #takeovers = new TakeoverRepository()

  constructor(options: { db: Knex; clock: Clock; book: SectorBook; pledges: Pledges; stored: StoredNumbers }) {
    this.#db = options.db
    this.#clock = options.clock
    this.#book = options.book
    this.#pledges = options.pledges
    this.#stored = options.stored
  }

  /** The row of the miner's last number is locked first, so that managers on one database decide one after another. */
  async allocate(
    miner: number,
    proofType: number,
    rules: AllocationRules,
    usedOnChain: Bitfield,
    along?: AlongWithNumber,
  ): Promise<Allocation> {
    const stored = await this.#stored.largest(miner, rules.max)
    return GroupCommit.of(this.#db).run(async (trx): Promise<Allocation> => {
      const { last: given, owed } = await this.#numbers.last(miner, trx)
      if (await this.#takeovers.running(trx)) return { none: 'a takeover is not finished' }
      if (rules.maxSealing > 0 && (await this.#book.countSealing(miner, trx)) >= rules.maxSealing)
        return { none: 'enough sectors are being sealed' }
      const pledge = await this.#pledges.oldest(miner, trx)
      if (pledge === undefined && rules.pledgeOnly) return { none: 'no pledge waits' }
      const recorded = await this.#book.largest(miner, rules.max, trx)
      const used = { given, owed, recorded: recorded?.number, onChain: largestWithin(usedOnChain, rules), stored }
      const age = recorded === undefined ? 0 : this.#clock.now() - recorded.createdAt
      const choice = chooseNumber(used, rules, age)
      if (choice === null) return { none: 'numbers used up' }
      const { number, skipped } = choice
      await this.#numbers.set(miner, { last: number, owed: 0 }, trx)
      if (skipped !== undefined) await this.#noteSkip(miner, given, number - 1, skipped, trx)
      if (pledge !== undefined) await this.#pledges.give(pledge, number, trx)
      const detail = pledge === undefined ? '' : `for pledge ${pledge.id}`
      const cause = { actor: 'manager', event: 'allocated', detail }
      const sid = { Miner: miner, Number: number }
      await this.#book.create(sid, proofType, cause, trx)
      await along?.({ ID: sid, ProofType: proofType }, trx)
      return choice
    })
  }

  /** Numbers up to `above` are not given any more; a smaller one than the last changes nothing. Answers the last number. */
  raise(miner: number, above: number, reason: string): Promise<number> {
    return inTransaction(this.#db, async trx => {
      const { last: given, owed } = await this.#numbers.last(miner, trx)
      if (above <= given) return given
      await this.#numbers.set(miner, { last: above, owed }, trx)
      await this.#noteSkip(miner, given, above, reason, trx)
      return above
    })
  }

  last(miner: number): Promise<number> {
    return this.#numbers.peek(miner, this.#db)
  }

  skips(miner: number): Promise<NumberSkip[]> {
    return this.#numbers.skips(miner, SHOWN_SKIPS, this.#db)
  }

  #noteSkip(miner: number, before: number, after: number, reason: string, trx: Knex.Transaction): Promise<void> {
    return this.#numbers.addSkip({ miner, at: this.#clock.now(), before, after, reason }, trx)
  }
}

const SHOWN_SKIPS = 20
