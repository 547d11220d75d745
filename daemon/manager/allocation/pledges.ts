import type { Knex } from 'knex'
import type { Clock } from '../../kit/clock.js'
import { inTransaction } from '../../kit/database.js'
import { type Pledge, PledgeRepository, type PledgeState } from './pledge-repository.js'

/** Most sectors in one request. */
export const PLEDGES_AT_ONCE = 1_000

/** Sectors that operators asked for. Each becomes one sector, when a worker asks for work. */
export class Pledges {
  readonly #db: Knex
  readonly #clock: Clock
  readonly #rows = new PledgeRepository()

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** Asks for sectors. The same request again, after an answer that was lost, asks for no more. */
  ask(miner: number, count: number, request: string): Promise<Pledge[]> {
    if (!Number.isInteger(count) || count < 1 || count > PLEDGES_AT_ONCE)
      throw new Error(`count: expected 1 to ${PLEDGES_AT_ONCE}, found ${count}`)
    if (request === '' || request.length > 64) throw new Error('request: expected an id of 1 to 64 characters')
    return inTransaction(this.#db, async trx => {
      const before = await this.#rows.ofRequest(request, trx)
      if (before.length > 0) {
        if (before.length === count && before[0]!.miner === miner) return before
        throw new Error(
          `request ${request} has been made before, for ${before.length} sectors of f0${before[0]!.miner}`,
        )
      }
      await this.#rows.add(miner, count, request, this.#clock.now(), trx)
      return this.#rows.ofRequest(request, trx)
    })
  }

  /** Takes back those that still wait; answers which. */
  cancel(ids: readonly number[]): Promise<number[]> {
    return inTransaction(this.#db, async trx => {
      const cancelled: number[] = []
      for (const id of ids)
        if (await this.#rows.settle(id, { state: 'cancelled', number: null, at: this.#clock.now() }, trx))
          cancelled.push(id)
      return cancelled
    })
  }

  list(where: { miner: number | null; state: PledgeState | null }, after: number, limit: number): Promise<Pledge[]> {
    return this.#rows.list(where, after, limit, this.#db)
  }

  countWaiting(miner: number): Promise<number> {
    return this.#rows.countWaiting(miner, this.#db)
  }

  oldest(miner: number, trx: Knex.Transaction): Promise<Pledge | undefined> {
    return this.#rows.oldest(miner, trx)
  }

  /** Part of the transaction that makes the sector, so that a pledge gives one sector and a sector uses up one pledge. */
  async give(pledge: Pledge, number: number, trx: Knex.Transaction): Promise<void> {
    if (!(await this.#rows.settle(pledge.id, { state: 'given', number, at: this.#clock.now() }, trx)))
      throw new Error(`pledge ${pledge.id} does not wait any more`)
  }
}
