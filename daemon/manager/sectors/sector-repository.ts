import type { Knex } from 'knex'
import { z } from 'zod'
import { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { fitting, TEXT_COLUMN } from '../../kit/database.js'
import type { RecordStore } from './sector-record.js'

interface Row {
  miner: number
  number: number
  store: RecordStore
  record: string
}

export interface StoredSector {
  readonly store: RecordStore
  readonly record: SectorState
}

/** One thing that happened to a sector; `at` in ms since the Unix epoch. */
export interface SectorEvent {
  readonly at: number
  /** A worker's name, `manager` or `operator`. */
  readonly actor: string
  readonly event: string
  readonly detail: string
}

/** What records can be chosen by. */
export type RecordFilter = {
  store?: RecordStore
} & Partial<Record<'upgraded' | 'need_rebuild' | 'unsealing' | 'need_send', boolean>>

const decodeRecord = (text: string): SectorState => z.decode(SectorState, JSON.parse(text))
const stored = (row: Row): StoredSector => ({ store: row.store, record: decodeRecord(row.record) })

/** What can be asked of the table without reading records. */
const columns = (record: SectorState, store: RecordStore) => ({
  store,
  upgraded: record.Upgraded,
  need_rebuild: record.NeedRebuild,
  unsealing: record.Unsealing,
  need_send: record.MessageInfo.NeedSend,
  record: JSON.stringify(z.encode(SectorState, record)),
})

/** The tables `sectors` and `sector_history`. Every method takes the transaction it is to be part of. */
export class SectorRepository {
  async load(sid: SectorID, db: Knex): Promise<StoredSector | undefined> {
    const row: Row | undefined = await this.#sector(sid, db).forUpdate().first()
    return row && stored(row)
  }

  async insert(record: SectorState, store: RecordStore, at: number, db: Knex): Promise<void> {
    const { Miner: miner, Number: number } = record.ID
    await db('sectors').insert({ miner, number, ...columns(record, store), created_at: at, updated_at: at })
  }

  async save(record: SectorState, store: RecordStore, at: number, db: Knex): Promise<void> {
    await this.#sector(record.ID, db).update({ ...columns(record, store), updated_at: at })
  }

  /** In the order of miners and numbers. */
  async list(where: RecordFilter, db: Knex): Promise<SectorState[]> {
    const rows = await db<Row>('sectors')
      .where(where as Partial<Row>)
      .orderBy(['miner', 'number'])
      .select('record')
    return rows.map(row => decodeRecord(row.record))
  }

  async count(db: Knex): Promise<Record<RecordStore, number>> {
    const rows: { store: string; count: number | string }[] = await db('sectors')
      .groupBy('store')
      .select('store', db.raw('count(*) as count'))
    const counts = { online: 0, offline: 0 }
    for (const row of rows) counts[row.store as RecordStore] = Number(row.count)
    return counts
  }

  /** Which of these numbers of a miner have a record. */
  async taken(miner: number, numbers: readonly number[], db: Knex): Promise<Set<number>> {
    const rows = await db<Row>('sectors').where({ miner }).whereIn('number', numbers).select('number')
    return new Set(rows.map(row => Number(row.number)))
  }

  async addEvent(sid: SectorID, event: SectorEvent, db: Knex): Promise<void> {
    await db('sector_history').insert({
      miner: sid.Miner,
      number: sid.Number,
      at: event.at,
      actor: fitting(event.actor, 255),
      event: fitting(event.event, 64),
      detail: fitting(event.detail, TEXT_COLUMN),
    })
  }

  /** The newest last. */
  async events(sid: SectorID, db: Knex): Promise<SectorEvent[]> {
    const rows = await db('sector_history')
      .where({ miner: sid.Miner, number: sid.Number })
      .orderBy('id')
      .select('at', 'actor', 'event', 'detail')
    return rows.map(row => ({ at: Number(row.at), actor: row.actor, event: row.event, detail: row.detail }))
  }

  #sector(sid: SectorID, db: Knex): Knex.QueryBuilder {
    return db('sectors').where({ miner: sid.Miner, number: sid.Number })
  }
}
