import type { Knex } from 'knex'
import type { CID } from 'multiformats/cid'
import { fromTaggedJson, toTaggedJson } from '../state/tagged-json.js'

/** A direct deal: a piece with an allocation on the chain. */
export interface DirectDeal {
  /** Of the allocation. */
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

/** The deals that the market knows. */
export class DealRepository {
  readonly #db: Knex
  readonly #deals: Map<number, DirectDeal>

  private constructor(db: Knex, deals: readonly DirectDeal[]) {
    this.#db = db
    this.#deals = new Map(deals.map(deal => [deal.id, deal]))
  }

  static async open(db: Knex): Promise<DealRepository> {
    const rows = await db<{ id: number; deal: string }>('deals').orderBy('id')
    return new DealRepository(
      db,
      rows.map(row => fromTaggedJson(row.deal) as DirectDeal),
    )
  }

  all(): DirectDeal[] {
    return [...this.#deals.values()]
  }

  get(id: number): DirectDeal | undefined {
    return this.#deals.get(id)
  }

  /** All of them or none. */
  async put(deals: readonly DirectDeal[]): Promise<void> {
    if (deals.length === 0) return
    await this.#db('deals')
      .insert(deals.map(deal => ({ id: deal.id, deal: toTaggedJson(deal) })))
      .onConflict('id')
      .merge()
    for (const deal of deals) this.#deals.set(deal.id, deal)
  }
}
