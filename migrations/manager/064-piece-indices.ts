import type { Migration } from '../../daemon/kit/database.js'

const COLUMNS = ['piece_cid', 'deal_id', 'allocation_id'] as const

/** The indices of pieces in the order in which sectors are listed, so that a page of those with a common piece needs no sorting. */
export const pieceIndices: Migration = {
  name: '064-piece-indices',
  async up(db) {
    await db.schema.alterTable('sector_pieces', table => {
      for (const column of COLUMNS) table.index([column, 'miner', 'number'], `sector_pieces_by_${column}`)
    })
  },
  async down(db) {
    await db.schema.alterTable('sector_pieces', table => {
      for (const column of COLUMNS) table.dropIndex([column, 'miner', 'number'], `sector_pieces_by_${column}`)
    })
  },
}
