import { setImmediate } from 'node:timers/promises'
import type { Knex } from 'knex'
import { z } from 'zod'
import type { SectorFilter } from '../../../rpc-schema/manager/sector-search.js'
import { ANY_SECTOR, SECTOR_PAGE_LIMIT } from '../../../rpc-schema/manager/sector-search.js'
import { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { JOB_CLASSES, type RecordStore } from './sector-record.js'
import { type SectorRow, stateColumn, workerColumn } from './sector-repository.js'

/** A sector as it is written in the table; `record` is the JSON of the wire. */
export interface FoundSector {
  readonly sid: SectorID
  readonly store: RecordStore
  readonly createdAt: number
  readonly changedAt: number
  readonly record: string
}

/** How many records are read in one turn: about a megabyte. */
const ROWS_A_TURN = 250

/** Reads of many sectors: page after page, with a pause for the others after each. */
export class SectorSearch {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** Up to `limit` sectors behind `after`, by miner and number. */
  async page(filter: SectorFilter, after: SectorID | null, limit: number): Promise<FoundSector[]> {
    const found: FoundSector[] = []
    const most = Math.min(Math.max(Math.trunc(limit), 1), SECTOR_PAGE_LIMIT)
    for await (const turn of this.#turns(filter, after, most)) found.push(...turn)
    return found
  }

  /** All that fit, in portions. */
  all(filter: SectorFilter): AsyncIterable<FoundSector[]> {
    return this.#turns(filter, null, Number.POSITIVE_INFINITY)
  }

  async *#turns(filter: SectorFilter, from: SectorID | null, limit: number): AsyncGenerator<FoundSector[]> {
    let after = from
    for (let left = limit; left > 0; ) {
      const want = Math.min(left, ROWS_A_TURN)
      const rows = await this.#some(filter, after, want)
      if (rows.length > 0) yield rows
      if (rows.length < want) return
      left -= rows.length
      after = rows.at(-1)!.sid
      // SQLite answers without ever waiting: without this nobody else would have a turn.
      await setImmediate()
    }
  }

  #some(filter: SectorFilter, after: SectorID | null, limit: number): Promise<FoundSector[]> {
    const piece = pieceColumns(filter)
    return piece === undefined
      ? this.#inOrder(query => this.#rows(filter, query, limit), filter.Miner, after, limit)
      : this.#withPiece(filter, piece, after, limit)
  }

  /** The holders of a piece are few, and what the search begins with. */
  async #withPiece(
    filter: SectorFilter,
    piece: Partial<Record<PieceColumn, string | number>>,
    from: SectorID | null,
    limit: number,
  ): Promise<FoundSector[]> {
    const found: FoundSector[] = []
    for (let after = from; found.length < limit; ) {
      const holders = await this.#inOrder(behind => this.#holders(piece, behind), filter.Miner, after, HOLDERS_A_TURN)
      const ids = holders.map(({ sid }) => [sid.Miner, sid.Number])
      if (ids.length > 0)
        found.push(
          ...(await this.#rows(filter, query => query.whereIn(['sectors.miner', 'sectors.number'], ids), limit)),
        )
      if (holders.length < HOLDERS_A_TURN) break
      after = holders.at(-1)!.sid
      await setImmediate()
    }
    return found.slice(0, limit)
  }

  async #holders(piece: object, behind: Behind): Promise<{ sid: SectorID }[]> {
    const rows: Pick<SectorRow, 'miner' | 'number'>[] = await behind(
      this.#db('sector_pieces as sectors').where(piece).distinct('miner', 'number'),
    )
      .orderBy(['miner', 'number'])
      .limit(HOLDERS_A_TURN)
    return rows.map(({ miner, number }) => ({ sid: { Miner: Number(miner), Number: Number(number) } }))
  }

  /** Two steps, the rest of a miner and the miners behind it, since databases do not use their index for a comparison of pairs. */
  async #inOrder<R>(
    read: (behind: Behind) => Promise<R[]>,
    miner: number | null,
    after: SectorID | null,
    limit: number,
  ): Promise<R[]> {
    if (after === null) return read(query => query)
    const rest = await read(query =>
      query.where('sectors.miner', after.Miner).where('sectors.number', '>', after.Number),
    )
    if (rest.length >= limit || miner !== null) return rest
    const others = await read(query => query.where('sectors.miner', '>', after.Miner))
    return [...rest, ...others].slice(0, limit)
  }

  async #rows(filter: SectorFilter, behind: Behind, limit: number): Promise<FoundSector[]> {
    const rows: SectorRow[] = await behind(chosen(this.#db, filter))
      .orderBy(['sectors.miner', 'sectors.number'])
      .limit(limit)
      .select(COLUMNS.map(name => `sectors.${name}`))
    return rows.map(row => ({
      sid: { Miner: Number(row.miner), Number: Number(row.number) },
      store: row.store,
      createdAt: Number(row.created_at),
      changedAt: Number(row.updated_at),
      record: row.record,
    }))
  }
}

type Behind = (query: Knex.QueryBuilder) => Knex.QueryBuilder
type PieceColumn = 'deal_id' | 'allocation_id' | 'piece_cid'

const HOLDERS_A_TURN = 200

/** What is asked of a piece, as columns; undefined when nothing is. */
function pieceColumns({
  Deal,
  Allocation,
  Piece,
}: SectorFilter): Partial<Record<PieceColumn, string | number>> | undefined {
  const columns = {
    ...(Deal !== null && { deal_id: Deal }),
    ...(Allocation !== null && { allocation_id: Allocation }),
    ...(Piece !== null && { piece_cid: Piece.toString() }),
  }
  return Object.keys(columns).length > 0 ? columns : undefined
}

const COLUMNS = ['miner', 'number', 'store', 'record', 'created_at', 'updated_at'] as const

/** The filter as conditions on the table. */
function chosen(db: Knex, filter: SectorFilter): Knex.QueryBuilder {
  const query = db('sectors')
  const equal = {
    store: filter.Store,
    miner: filter.Miner,
    state: filter.State === null ? null : stateColumn(filter.State),
    worker: filter.Worker === null ? null : workerColumn(filter.Worker),
    aborted: filter.Aborted,
  }
  for (const [column, value] of Object.entries(equal)) if (value !== null) query.where(`sectors.${column}`, value)
  if (filter.Silent === true) query.whereNull('sectors.state')
  if (filter.Silent === false) query.whereNotNull('sectors.state')
  if (filter.CreatedBefore !== null) query.where('sectors.created_at', '<', filter.CreatedBefore)
  if (filter.ChangedBefore !== null) query.where('sectors.updated_at', '<', filter.ChangedBefore)
  if (filter.Jobs.length > 0) query.where(any => ofJobs(any, filter.Jobs))
  return query
}

function ofJobs(query: Knex.QueryBuilder, jobs: readonly number[]): void {
  for (const job of jobs) {
    const marks = JOB_CLASSES[job]
    query.orWhere(one => {
      if (marks === undefined) return void one.whereRaw('1 = 0')
      if (Object.keys(marks).length === 0) return void one.whereRaw('1 = 1')
      for (const [mark, value] of Object.entries(marks)) one.where(`sectors.${MARK_COLUMNS[mark]}`, value)
    })
  }
}

const MARK_COLUMNS: Readonly<Record<string, string>> = {
  Upgraded: 'upgraded',
  NeedRebuild: 'need_rebuild',
  Unsealing: 'unsealing',
}

/** The cursor that goes on behind a sector, and back. */
export const cursorBehind = (sid: SectorID): string => `${sid.Miner}-${sid.Number}`

export function cursorPlace(cursor: string): SectorID {
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(cursor)
  if (match === null) throw new Error(`cursor: expected the Next of the page before, found ${JSON.stringify(cursor)}`)
  return { Miner: Number(match[1]), Number: Number(match[2]) }
}

export const inStore = (store: RecordStore): SectorFilter => ({ ...ANY_SECTOR, Store: store })

/** The records of one job class that are being worked on. */
export async function* onlineRecords(db: Knex, job: number): AsyncGenerator<SectorState> {
  for await (const portion of new SectorSearch(db).all({ ...inStore('online'), Jobs: [job] }))
    for (const { record } of portion) yield z.decode(SectorState, JSON.parse(record))
}
