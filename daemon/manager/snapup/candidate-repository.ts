import type { Knex } from 'knex'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'

/** The table `snapup_candidates`: sectors of each deadline that looked fit for an upgrade. */
export class CandidateRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** By deadline; undefined when nothing was ever fetched. */
  async all(miner: number): Promise<ReadonlyMap<number, Bitfield> | undefined> {
    const rows = await this.#db('snapup_candidates').where({ miner }).orderBy('deadline')
    if (rows.length === 0) return undefined
    return new Map(rows.map(row => [row.deadline, Bitfield.fromRuns(JSON.parse(row.sectors))]))
  }

  /** How many are new. */
  async add(miner: number, deadline: number, sectors: Bitfield, trx: Knex.Transaction): Promise<number> {
    const known = await this.#of(miner, deadline, trx)
    const merged = (known ?? Bitfield.EMPTY).union(sectors)
    if (known === undefined || !merged.equals(known)) await this.#put(miner, deadline, merged, trx)
    return merged.count - (known?.count ?? 0)
  }

  async remove(miner: number, deadline: number, number: number, trx: Knex.Transaction): Promise<void> {
    const known = await this.#of(miner, deadline, trx)
    if (known?.has(number)) await this.#put(miner, deadline, known.subtract(Bitfield.of([number])), trx)
  }

  async #of(miner: number, deadline: number, trx: Knex.Transaction): Promise<Bitfield | undefined> {
    const row = await trx('snapup_candidates').where({ miner, deadline }).forUpdate().first('sectors')
    return row && Bitfield.fromRuns(JSON.parse(row.sectors))
  }

  async #put(miner: number, deadline: number, sectors: Bitfield, trx: Knex.Transaction): Promise<void> {
    await trx('snapup_candidates')
      .insert({ miner, deadline, sectors: JSON.stringify(sectors.toRuns()) })
      .onConflict(['miner', 'deadline'])
      .merge(['sectors'])
  }
}
