import type { Knex } from 'knex'
import { z } from 'zod'
import { ReportStateReq, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { fitting, hotRows, hotRun, isSqlite, TEXT_COLUMN } from '../../kit/database.js'
import { sectorPieces } from '../allocation/pieces.js'
import type { RecordStore } from './sector-record.js'

export interface SectorRow {
  miner: number | string
  number: number | string
  store: RecordStore
  record: string
  created_at: number | string
  updated_at: number | string
}

export interface StoredSector {
  readonly store: RecordStore
  readonly record: SectorState
}

/** A record with what the table of pieces holds of it, so that it is written anew only when that has changed. */
interface LoadedSector extends StoredSector {
  readonly pieces: string
}

/** What a worker that reports a step is told of its sector, and what is decided by it. */
export type Stepped = Pick<SectorState, 'ID' | 'Finalized' | 'AbortReason' | 'NeedRebuild' | 'Unsealing'>

/** `createdAt` in ms since the Unix epoch. */
export interface LargestRecord {
  readonly number: number
  readonly createdAt: number
}

/** One thing that happened to a sector; `at` in ms since the Unix epoch. */
export interface SectorEvent {
  readonly at: number
  /** A worker's name, `manager` or `operator`. */
  readonly actor: string
  readonly event: string
  readonly detail: string
}

const STATE_COLUMN = 64
const NAME_COLUMN = 255

export const decodeRecord = (text: string): SectorState => z.decode(SectorState, JSON.parse(text))

type StoredRow = Pick<SectorRow, 'store' | 'record'>

function loaded(row: StoredRow): LoadedSector {
  const record = decodeRecord(row.record)
  return { store: row.store, record, pieces: JSON.stringify(pieceRows(record)) }
}

const stepColumns = (step: ReportStateReq | undefined) => ({
  state: stateColumn(step?.StateChange.Next),
  worker: workerColumn(step?.Worker.Instance),
})

/** What can be asked of the table without reading records. */
const columns = (record: SectorState, store: RecordStore) => ({
  store,
  upgraded: record.Upgraded,
  need_rebuild: record.NeedRebuild,
  unsealing: record.Unsealing,
  need_send: record.MessageInfo.NeedSend,
  aborted: record.AbortReason !== '',
  ...stepColumns(record.LatestState),
  record: JSON.stringify(z.encode(SectorState, record)),
})

export const stateColumn = (state: string | undefined): string | null => state?.slice(0, STATE_COLUMN) ?? null
export const workerColumn = (worker: string | undefined): string | null => worker?.slice(0, NAME_COLUMN) ?? null

interface PieceRow {
  position: number
  piece_cid: string
  deal_id: number | null
  allocation_id: number | null
}

const pieceRows = (record: SectorState): PieceRow[] =>
  sectorPieces(record).map((piece, position) => ({
    position,
    piece_cid: piece.piece.PieceCID.toString(),
    deal_id: piece.kind === 'market' ? piece.dealId : null,
    allocation_id: piece.kind === 'direct' ? piece.allocationId : null,
  }))

/** The tables `sectors`, `sector_pieces` and `sector_history`. Every method takes the transaction it is to be part of. */
export class SectorRepository {
  async load(sid: SectorID, db: Knex): Promise<LoadedSector | undefined> {
    const row = await this.#row(sid, db)
    return row && loaded(row)
  }

  async insert(record: SectorState, store: RecordStore, at: number, db: Knex): Promise<void> {
    const { Miner: miner, Number: number } = record.ID
    await db('sectors').insert({ miner, number, ...columns(record, store), created_at: at, updated_at: at })
    await this.#writePieces(record.ID, pieceRows(record), db)
  }

  /** Writes a loaded record that was changed since. */
  async save({ record, pieces }: LoadedSector, store: RecordStore, at: number, db: Knex): Promise<void> {
    const values = { ...columns(record, store), updated_at: at }
    await hotRun(db, UPDATE, [...UPDATED.map(column => sqlValue(values[column])), record.ID.Miner, record.ID.Number])
    const rows = pieceRows(record)
    if (JSON.stringify(rows) === pieces) return
    await db('sector_pieces').where({ miner: record.ID.Miner, number: record.ID.Number }).delete()
    await this.#writePieces(record.ID, rows, db)
  }

  /**
   * Writes the latest step of a worker into an online record. By far the most frequent change: the record is not read into its type and back for it, of
   * all that is in it nothing else is touched.
   */
  async saveStep(
    sid: SectorID,
    step: ReportStateReq,
    at: number,
    db: Knex,
  ): Promise<{ readonly store: RecordStore; readonly record: Stepped } | undefined> {
    const row = await this.#row(sid, db)
    if (row === undefined) return undefined
    const written = JSON.parse(row.record) as Partial<Stepped> & { LatestState?: unknown }
    const { Finalized = false, AbortReason = '', NeedRebuild = false, Unsealing = false } = written
    const told = { store: row.store, record: { ID: sid, Finalized, AbortReason, NeedRebuild, Unsealing } }
    if (row.store !== 'online') return told
    if (written.LatestState === undefined) {
      // The first one has its place among the others.
      const found = loaded(row)
      found.record.LatestState = step
      await this.save(found, 'online', at, db)
      return told
    }
    written.LatestState = z.encode(ReportStateReq, step)
    const { state, worker } = stepColumns(step)
    await hotRun(db, SAVE_STEP, [state, worker, JSON.stringify(written), at, sid.Miner, sid.Number])
    return told
  }

  /** Records that say they wait for a message to be sent. */
  async waitingToSend(db: Knex): Promise<SectorState[]> {
    const rows: SectorRow[] = await db('sectors')
      .where({ need_send: true })
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

  /** How many sectors of a miner are being sealed, not upgraded, rebuilt or unsealed. */
  async countSealing(miner: number, db: Knex): Promise<number> {
    const row = await db('sectors')
      .where({ store: 'online', miner, upgraded: false, need_rebuild: false, unsealing: false })
      .count({ count: '*' })
      .first()
    return Number(row?.count ?? 0)
  }

  /** The record with the largest number, not above `most`; undefined when there is none. */
  async largest(miner: number, most: number | null, db: Knex): Promise<LargestRecord | undefined> {
    const query = db('sectors').where({ miner })
    if (most !== null) query.where('number', '<=', most)
    const row: SectorRow | undefined = await query.orderBy('number', 'desc').first('number', 'created_at')
    return row && { number: Number(row.number), createdAt: Number(row.created_at) }
  }

  async addEvent(sid: SectorID, event: SectorEvent, db: Knex): Promise<void> {
    await hotRun(db, 'insert into sector_history (miner, number, at, actor, event, detail) values (?, ?, ?, ?, ?, ?)', [
      sid.Miner,
      sid.Number,
      event.at,
      fitting(event.actor, NAME_COLUMN),
      fitting(event.event, STATE_COLUMN),
      fitting(event.detail, TEXT_COLUMN),
    ])
  }

  /** The newest last. */
  async events(sid: SectorID, db: Knex): Promise<SectorEvent[]> {
    const rows = await db('sector_history')
      .where({ miner: sid.Miner, number: sid.Number })
      .orderBy('id')
      .select('at', 'actor', 'event', 'detail')
    return rows.map(row => ({ at: Number(row.at), actor: row.actor, event: row.event, detail: row.detail }))
  }

  async #row(sid: SectorID, db: Knex): Promise<StoredRow | undefined> {
    // Outside a transaction a lock would end at once, and a server that is read-only does not give one.
    const lock = db.isTransaction && !isSqlite(db) ? ' for update' : ''
    const sql = `select store, record from sectors where miner = ? and number = ?${lock}`
    return (await hotRows<StoredRow>(db, sql, [sid.Miner, sid.Number]))[0]
  }

  async #writePieces(sid: SectorID, rows: readonly PieceRow[], db: Knex): Promise<void> {
    const named = rows.map(row => ({ miner: sid.Miner, number: sid.Number, ...row }))
    if (named.length > 0)
      await db.batchInsert('sector_pieces', named, PIECES_AT_ONCE).transacting(db as Knex.Transaction)
  }
}

const UPDATED = [
  'store',
  'upgraded',
  'need_rebuild',
  'unsealing',
  'need_send',
  'aborted',
  'state',
  'worker',
  'record',
  'updated_at',
] as const satisfies readonly (keyof ReturnType<typeof columns> | 'updated_at')[]
const UPDATE = `update sectors set ${UPDATED.map(column => `${column} = ?`).join(', ')} where miner = ? and number = ?`

const SAVE_STEP = 'update sectors set state = ?, worker = ?, record = ?, updated_at = ? where miner = ? and number = ?'

const sqlValue = (value: string | number | boolean | null): string | number | null =>
  typeof value === 'boolean' ? Number(value) : value

/** SQLite takes 500 rows in one insert. */
const PIECES_AT_ONCE = 100
