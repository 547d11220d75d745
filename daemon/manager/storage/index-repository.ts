import type { Knex } from 'knex'
import type { SectorAccessStores } from '../../../rpc-schema/manager/stores.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { IndexKind, SectorIndex } from './sector-index.js'

export type { IndexKind } from './sector-index.js'

/** The table `sector_index`: in which stores the two parts of a sector are. */
export class IndexRepository implements SectorIndex {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(kind: IndexKind, sid: SectorID): Promise<SectorAccessStores | undefined> {
    const row = await this.#db('sector_index').where({ miner: sid.Miner, number: sid.Number, kind }).first()
    // A sector of which only the cache is known is not found, as in the original; without a cache of its own it is where the sealed file is.
    return row?.sealed_store
      ? { SealedFile: row.sealed_store, CacheDir: row.cache_store || row.sealed_store }
      : undefined
  }

  async put(kind: IndexKind, sid: SectorID, stores: SectorAccessStores): Promise<void> {
    await GroupCommit.of(this.#db).run(trx =>
      trx('sector_index')
        .insert({
          miner: sid.Miner,
          number: sid.Number,
          kind,
          sealed_store: stores.SealedFile,
          cache_store: stores.CacheDir,
        })
        .onConflict(['miner', 'number', 'kind'])
        .merge(['sealed_store', 'cache_store']),
    )
  }

  /** The largest number of a miner with files in a store, not above `most`. */
  async largest(miner: number, most: number | null): Promise<number | undefined> {
    const query = this.#db('sector_index').where({ miner })
    if (most !== null) query.where('number', '<=', most)
    const row = await query.max({ largest: 'number' }).first()
    return row?.largest === null || row?.largest === undefined ? undefined : Number(row.largest)
  }

  /** Many at once, replacing what was known of the parts that are named; the others stay. */
  async putParts(kind: IndexKind, parts: readonly IndexPart[], db: Knex = this.#db): Promise<void> {
    for (const columns of COLUMN_SETS) {
      const fitting = parts.filter(part => columns.every(([key]) => part[key]) && hasOnly(part, columns))
      for (let at = 0; at < fitting.length; at += ROWS_AT_ONCE) {
        const rows = fitting.slice(at, at + ROWS_AT_ONCE).map(({ sid, sealed = '', cache = '' }) => ({
          miner: sid.Miner,
          number: sid.Number,
          kind,
          sealed_store: sealed,
          cache_store: cache,
        }))
        await db('sector_index')
          .insert(rows)
          .onConflict(['miner', 'number', 'kind'])
          .merge(columns.map(([, column]) => column))
      }
    }
  }

  /** Many at once, replacing what was known of them. */
  putMany(kind: IndexKind, entries: readonly IndexEntry[], db: Knex = this.#db): Promise<void> {
    const parts = entries.map(({ sid, stores }) => ({ sid, sealed: stores.SealedFile, cache: stores.CacheDir }))
    return this.putParts(kind, parts, db)
  }

  async remove(kind: IndexKind, sid: SectorID, db: Knex = this.#db): Promise<void> {
    await db('sector_index').where({ miner: sid.Miner, number: sid.Number, kind }).delete()
  }

  /** Whether a part of any sector is in this store. */
  async holds(store: string, db: Knex = this.#db): Promise<boolean> {
    for (const column of ['sealed_store', 'cache_store']) {
      if (await db('sector_index').where(column, store).first('miner')) return true
    }
    return false
  }
}

export interface IndexEntry {
  readonly sid: SectorID
  readonly stores: SectorAccessStores
}

/** The stores of the parts that are known. */
export interface IndexPart {
  readonly sid: SectorID
  readonly sealed?: string
  readonly cache?: string
}

const SEALED = ['sealed', 'sealed_store'] as const
const CACHE = ['cache', 'cache_store'] as const
const COLUMN_SETS = [[SEALED, CACHE], [SEALED], [CACHE]]

const hasOnly = (part: IndexPart, columns: readonly (typeof SEALED | typeof CACHE)[]): boolean =>
  [SEALED, CACHE].every(([key]) => !part[key] || columns.some(([name]) => name === key))

/** SQLite takes 32,766 values in a statement, MySQL a packet of some MiB. */
const ROWS_AT_ONCE = 500
