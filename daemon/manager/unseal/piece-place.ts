import type { CID } from 'multiformats/cid'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { sectorPieces } from '../allocation/pieces.js'

/** Where a piece lies in a sector, in padded bytes; `payload`: bytes of the client's data, as far as they are known. */
export interface PiecePlace {
  readonly offset: number
  readonly size: number
  readonly payload: number | undefined
}

/** By the pieces in the record, each aligned to its own size. */
export function piecePlace(record: SectorState, cid: CID): PiecePlace | undefined {
  let end = 0
  for (const sectorPiece of sectorPieces(record)) {
    const { Size, PieceCID } = sectorPiece.piece
    const offset = Math.ceil(end / Size) * Size
    if (sectorPiece.kind !== 'filler' && PieceCID.equals(cid))
      return { offset, size: Size, payload: sectorPiece.deal.PayloadSize || undefined }
    end = offset + Size
  }
  return undefined
}
