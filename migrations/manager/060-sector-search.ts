import type { Knex } from 'knex'
import type { Migration } from '../../daemon/kit/database.js'
import { createTable } from '../create-table.js'

/** What sectors are looked for by: the last reported state, the worker, and the pieces in them. Filled from the records that are there. */
export const sectorSearch: Migration = {
  name: '060-sector-search',
  async up(db) {
    await db.schema.alterTable('sectors', table => {
      table.string('state', 64)
      table.string('worker', 255)
      table.boolean('aborted').notNullable().defaultTo(false)
      table.index(['state', 'miner', 'number'], 'sectors_state')
      table.index(['worker', 'miner', 'number'], 'sectors_worker')
    })
    await createTable(db, 'sector_pieces', table => {
      table.bigInteger('miner').notNullable()
      table.bigInteger('number').notNullable()
      table.integer('position').notNullable()
      table.string('piece_cid', 128).notNullable()
      table.bigInteger('deal_id')
      table.bigInteger('allocation_id')
      table.primary(['miner', 'number', 'position'])
      table.index(['piece_cid'], 'sector_pieces_cid')
      table.index(['deal_id'], 'sector_pieces_deal')
      table.index(['allocation_id'], 'sector_pieces_allocation')
    })
    await fill(db)
  },
  async down(db) {
    await db.schema.dropTable('sector_pieces')
    await db.schema.alterTable('sectors', table => {
      table.dropIndex(['state', 'miner', 'number'], 'sectors_state')
      table.dropIndex(['worker', 'miner', 'number'], 'sectors_worker')
      table.dropColumns('state', 'worker', 'aborted')
    })
  },
}

const PAGE = 500

interface Row {
  miner: number | string
  number: number | string
  record: string
}

/** Only what this migration needs of a record, as it was written then. */
interface WrittenRecord {
  LatestState?: { Worker?: { Instance?: string }; StateChange?: { Next?: string } } | null
  AbortReason?: string
  Pieces?:
    | {
        Piece: { PieceCID: { '/': string } }
        DealInfo: { DealID: number; AllocationID: number; IsBuiltinMarket: boolean } | null
      }[]
    | null
  Deals?: { ID: number; Piece: { Cid: { '/': string } } }[] | null
}

async function fill(db: Knex): Promise<void> {
  for (let miner = -1, number = -1; ; ) {
    const rest: Row[] = await db('sectors')
      .where({ miner })
      .where('number', '>', number)
      .orderBy('number')
      .limit(PAGE)
      .select('miner', 'number', 'record')
    const rows: Row[] =
      rest.length > 0
        ? rest
        : await db('sectors')
            .where('miner', '>', miner)
            .orderBy(['miner', 'number'])
            .limit(PAGE)
            .select('miner', 'number', 'record')
    if (rows.length === 0) return
    for (const row of rows) await fillOne(row, db)
    const last = rows.at(-1)!
    miner = Number(last.miner)
    number = Number(last.number)
  }
}

async function fillOne(row: Row, db: Knex): Promise<void> {
  const { miner, number } = row
  const record = JSON.parse(row.record) as WrittenRecord
  await db('sectors')
    .where({ miner, number })
    .update({
      state: record.LatestState?.StateChange?.Next?.slice(0, 64) ?? null,
      worker: record.LatestState?.Worker?.Instance?.slice(0, 255) ?? null,
      aborted: (record.AbortReason ?? '') !== '',
    })
  const pieces = record.Pieces
    ? record.Pieces.map(({ Piece, DealInfo }) => ({
        piece_cid: Piece.PieceCID['/'],
        deal_id: DealInfo?.IsBuiltinMarket && DealInfo.DealID !== 0 ? DealInfo.DealID : null,
        allocation_id:
          DealInfo && !DealInfo.IsBuiltinMarket && DealInfo.AllocationID !== 0 ? DealInfo.AllocationID : null,
      }))
    : (record.Deals ?? []).map(deal => ({
        piece_cid: deal.Piece.Cid['/'],
        deal_id: deal.ID === 0 ? null : deal.ID,
        allocation_id: null,
      }))
  // MySQL does not undo a migration that was cut off: rows of its first attempt may be there.
  await db('sector_pieces').where({ miner, number }).delete()
  for (const [position, piece] of pieces.entries())
    await db('sector_pieces').insert({ miner, number, position, ...piece })
}
