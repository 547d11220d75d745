import type { Knex } from 'knex'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'

/** Space in a store that is held for a sector; `at` in ms since the Unix epoch. */
export interface Reservation {
  readonly store: string
  readonly sector: SectorID
  readonly sizeBytes: number
  readonly at: number
}

/** Space that is held in a store, and for how many sectors. */
export interface HeldSpace {
  readonly bytes: number
  readonly sectors: number
}

/** The table `store_reservations`: at most one for a sector in a store. */
export class ReservationRepository {
  async ofSector(sid: SectorID, db: Knex): Promise<Reservation[]> {
    return (await db('store_reservations').where({ miner: sid.Miner, number: sid.Number }).select()).map(fromRow)
  }

  /** In the order in which they were made. */
  async ofStore(store: string, db: Knex): Promise<Reservation[]> {
    const rows = await db('store_reservations').where({ store }).orderBy(['at', 'miner', 'number']).select()
    return rows.map(fromRow)
  }

  /** What is held in each store. */
  async totals(db: Knex): Promise<Map<string, HeldSpace>> {
    const rows: { store: string; size: number | string; sectors: number | string }[] = await db('store_reservations')
      .groupBy('store')
      .select('store', db.raw('sum(size) as size'), db.raw('count(*) as sectors'))
    return new Map(rows.map(row => [row.store, { bytes: Number(row.size), sectors: Number(row.sectors) }]))
  }

  /** Replaces one of the same sector in the same store. */
  async put({ store, sector, sizeBytes, at }: Reservation, db: Knex): Promise<void> {
    await db('store_reservations')
      .insert({ store, miner: sector.Miner, number: sector.Number, size: sizeBytes, at })
      .onConflict(['store', 'miner', 'number'])
      .merge(['size', 'at'])
  }

  /** How many were dropped. */
  release(sid: SectorID, db: Knex): Promise<number> {
    return db('store_reservations').where({ miner: sid.Miner, number: sid.Number }).delete()
  }
}

interface Row {
  store: string
  miner: number
  number: number
  size: number
  at: number
}

const fromRow = (row: Row): Reservation => ({
  store: row.store,
  sector: { Miner: Number(row.miner), Number: Number(row.number) },
  sizeBytes: Number(row.size),
  at: Number(row.at),
})
