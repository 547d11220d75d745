import type { Knex } from 'knex'

/** The table `sector_numbers`: the last number given to each miner. */
export class NumberRepository {
  async last(miner: number, trx: Knex.Transaction): Promise<number | undefined> {
    const row = await trx('sector_numbers').where({ miner }).forUpdate().first('last')
    return row === undefined ? undefined : Number(row.last)
  }

  async set(miner: number, last: number, trx: Knex.Transaction): Promise<void> {
    await trx('sector_numbers').insert({ miner, last }).onConflict('miner').merge({ last })
  }
}
