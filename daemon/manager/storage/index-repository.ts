import type { Knex } from 'knex'
import type { SectorAccessStores } from '../../../rpc-schema/manager/stores.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'

/** The files from sealing, or those from an upgrade. */
export type IndexKind = 'normal' | 'upgrade'

/** The table `sector_index`: in which stores the two parts of a sector are. */
export class IndexRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(kind: IndexKind, sid: SectorID): Promise<SectorAccessStores | undefined> {
    const row = await this.#db('sector_index').where({ miner: sid.Miner, number: sid.Number, kind }).first()
    return row && { SealedFile: row.sealed_store, CacheDir: row.cache_store }
  }

  async put(kind: IndexKind, sid: SectorID, stores: SectorAccessStores): Promise<void> {
    await this.#db('sector_index')
      .insert({
        miner: sid.Miner,
        number: sid.Number,
        kind,
        sealed_store: stores.SealedFile,
        cache_store: stores.CacheDir,
      })
      .onConflict(['miner', 'number', 'kind'])
      .merge(['sealed_store', 'cache_store'])
  }

  /** The largest number of a miner with files in a store, not above `most`. */
  async largest(miner: number, most: number | null): Promise<number | undefined> {
    const query = this.#db('sector_index').where({ miner })
    if (most !== null) query.where('number', '<=', most)
    const row = await query.max({ largest: 'number' }).first()
    return row?.largest === null || row?.largest === undefined ? undefined : Number(row.largest)
  }
}
