import type { Knex } from 'knex'

/** The table `sector_numbers`: the last number given to each miner. */
export class NumberRepository {
  /** 0 before the first; the miner's row stays locked until the end of the transaction. */
  async last(miner: number, trx: Knex.Transaction): Promise<number> {
    const row = await this.#locked(miner, trx)
    if (row !== undefined) return Number(row.last)
    // A row that is not there cannot be locked, and two managers would both begin at the first number.
    await trx('sector_numbers').insert({ miner, last: 0 }).onConflict('miner').ignore()
    return Number((await this.#locked(miner, trx))!.last)
  }

  /** Only after `last`. */
  async set(miner: number, last: number, trx: Knex.Transaction): Promise<void> {
    await trx('sector_numbers').where({ miner }).update({ last })
  }

  #locked(miner: number, trx: Knex.Transaction): Promise<{ last: number | string } | undefined> {
    return trx('sector_numbers').where({ miner }).forUpdate().first('last')
  }
}
