import type { Knex } from 'knex'
import type { CID } from 'multiformats/cid'
import { fromTaggedJson, toTaggedJson } from '../state/tagged-json.js'

/** What the market has to give to sectors. */
export interface OfferedDeal {
  readonly id: number
  readonly client: number
  readonly provider: number
  readonly pieceCid: CID
  /** Padded bytes. */
  readonly pieceSize: number
  readonly payloadSize: number
  readonly startEpoch: number
  readonly endEpoch: number
  /** The sector it was given to, and where in it (padded bytes). */
  readonly assigned: { readonly sector: number; readonly offset: number } | null
}

/** A direct deal: a piece with an allocation on the chain, by whose id it is known. */
export type DirectDeal = OfferedDeal

/** A deal of the built-in market, known by the id that the chain gave it. */
export interface BuiltInDeal extends OfferedDeal {
  /** Of the message that published it. */
  readonly publishCid: CID
  /** attoFIL. */
  readonly pricePerEpoch: bigint
}

/** The deals of one kind that the market knows. */
export class DealRepository<D extends OfferedDeal> {
  readonly #db: Knex
  readonly #table: string
  readonly #deals: Map<number, D>

  private constructor(db: Knex, table: string, deals: readonly D[]) {
    this.#db = db
    this.#table = table
    this.#deals = new Map(deals.map(deal => [deal.id, deal]))
  }

  static async open<D extends OfferedDeal>(db: Knex, table: string): Promise<DealRepository<D>> {
    const rows = await db<{ id: number; deal: string }>(table).orderBy('id')
    return new DealRepository(
      db,
      table,
      rows.map(row => fromTaggedJson(row.deal) as D),
    )
  }

  all(): D[] {
    return [...this.#deals.values()]
  }

  get(id: number): D | undefined {
    return this.#deals.get(id)
  }

  /** All of them or none. */
  async put(deals: readonly D[]): Promise<void> {
    if (deals.length === 0) return
    await this.#db(this.#table)
      .insert(deals.map(deal => ({ id: deal.id, deal: toTaggedJson(deal) })))
      .onConflict('id')
      .merge()
    for (const deal of deals) this.#deals.set(deal.id, deal)
  }
}
