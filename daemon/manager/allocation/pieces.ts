import type { DealInfoV2, LegacyDealInfo, SectorPieceV2 } from '../../../rpc-schema/manager/deals.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { PieceInfo } from '../../../rpc-schema/wire/piece.js'
import { zeroPieceCid } from '../../../rpc-schema/wire/piece.js'

/**
 * One piece of a sector, of either generation of records. `filler`: zeros without a deal; `market`: a deal of the built-in market; `direct`: an
 * allocation of the verified registry (direct data onboarding).
 */
export type SectorPiece = { readonly piece: PieceInfo } & (
  | { readonly kind: 'filler' }
  | { readonly kind: 'market'; readonly dealId: number; readonly deal: DealInfoV2 | LegacyDealInfo }
  | { readonly kind: 'direct'; readonly allocationId: number; readonly deal: DealInfoV2 }
)

export type DataPiece = Exclude<SectorPiece, { kind: 'filler' }>

/** The pieces in their order in the sector. `Pieces` wins over `Deals` when both are there. */
export const sectorPieces = (record: Pick<SectorState, 'Pieces' | 'Deals'>): SectorPiece[] =>
  record.Pieces !== null ? record.Pieces.map(fromV2) : (record.Deals ?? []).map(fromLegacy)

export const dataPieces = (pieces: readonly SectorPiece[]): DataPiece[] =>
  pieces.filter(piece => piece.kind !== 'filler')

export function fromV2({ Piece, DealInfo }: SectorPieceV2): SectorPiece {
  if (DealInfo === null || (DealInfo.DealID === 0 && DealInfo.AllocationID === 0))
    return { kind: 'filler', piece: Piece }
  if (DealInfo.IsBuiltinMarket) return { kind: 'market', piece: Piece, dealId: DealInfo.DealID, deal: DealInfo }
  return { kind: 'direct', piece: Piece, allocationId: DealInfo.AllocationID, deal: DealInfo }
}

function fromLegacy(deal: LegacyDealInfo): SectorPiece {
  const piece = { Size: deal.Piece.Size, PieceCID: deal.Piece.Cid }
  return deal.ID === 0 ? { kind: 'filler', piece } : { kind: 'market', piece, dealId: deal.ID, deal }
}

/** First and last epoch of the deal behind a piece; a legacy deal may not say. */
export function dealTerm({ deal }: DataPiece): { start: number; end: number } | undefined {
  if ('StartEpoch' in deal) return { start: deal.StartEpoch, end: deal.EndEpoch }
  return deal.Proposal ? { start: deal.Proposal.StartEpoch, end: deal.Proposal.EndEpoch } : undefined
}

/** Only zeros may fill a sector without a deal. */
export const isZeroPiece = ({ Size, PieceCID }: PieceInfo): boolean => PieceCID.equals(zeroPieceCid(Size))
