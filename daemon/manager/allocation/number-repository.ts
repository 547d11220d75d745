import type { Knex } from 'knex'
import { fitting, TEXT_COLUMN } from '../../kit/database.js'

/** Numbers that were left out on purpose: those above `before`, up to `after`. */
export interface NumberSkip {
  readonly miner: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly before: number
  readonly after: number
  readonly reason: string
}

/** `owed`: how many numbers are to be left out before the next one. */
export interface LastNumber {
  readonly last: number
  readonly owed: number
}

interface LastRow {
  last: number | string
  owed: number | string
}

const lastNumber = (row: LastRow): LastNumber => ({ last: Number(row.last), owed: Number(row.owed) })

/** The tables `sector_numbers`, the last number given to each miner, and `sector_number_skips`. */
export class NumberRepository {
  /** 0 before the first; the miner's row stays locked until the end of the transaction. */
  async last(miner: number, trx: Knex.Transaction): Promise<LastNumber> {
    const row = await this.#locked(miner, trx)
    if (row !== undefined) return lastNumber(row)
    // A row that is not there cannot be locked, and two managers would both begin at the first number.
    await trx('sector_numbers').insert({ miner, last: 0 }).onConflict('miner').ignore()
    return lastNumber((await this.#locked(miner, trx))!)
  }

  /** Without a lock, for looking. */
  async peek(miner: number, db: Knex): Promise<number> {
    const row: { last: number | string } | undefined = await db('sector_numbers').where({ miner }).first('last')
    return Number(row?.last ?? 0)
  }

  /** Only after `last`. */
  async set(miner: number, next: LastNumber, trx: Knex.Transaction): Promise<void> {
    await trx('sector_numbers')
      .where({ miner })
      .update({ ...next })
  }

  async miners(db: Knex): Promise<number[]> {
    const rows: { miner: number | string }[] = await db('sector_numbers').orderBy('miner').select('miner')
    return rows.map(({ miner }) => Number(miner))
  }

  async addSkip(skip: NumberSkip, trx: Knex.Transaction): Promise<void> {
    await trx('sector_number_skips').insert({ ...skip, reason: fitting(skip.reason, TEXT_COLUMN) })
  }

  /** The newest first. */
  async skips(miner: number, limit: number, db: Knex): Promise<NumberSkip[]> {
    const rows = await db('sector_number_skips').where({ miner }).orderBy('id', 'desc').limit(limit)
    return rows.map(({ at, before, after, reason }) => ({
      miner,
      at: Number(at),
      before: Number(before),
      after: Number(after),
      reason,
    }))
  }

  #locked(miner: number, trx: Knex.Transaction): Promise<LastRow | undefined> {
    return trx('sector_numbers').where({ miner }).forUpdate().first('last', 'owed')
  }
}
