import { z } from 'zod'
import { MarketDealInfo } from '../chain/market.js'
import { DealProposal } from '../chain/market-deal.js'
import { Bool, orNull, orZero } from '../rpc/zero-value.js'
import { CidJson } from '../wire/cid.js'
import { nullableList } from '../wire/list.js'
import { DealId, PaddedPieceSize, Uint64, Uint64Limit } from '../wire/numbers.js'
import { PieceInfo } from '../wire/piece.js'

/** Limits of the deals for one sector; `MinUsedSpace` in bytes. */
export const AcquireDealsSpec = z.object({ MaxDeals: orNull(Uint64Limit), MinUsedSpace: orNull(Uint64Limit) })
export type AcquireDealsSpec = z.infer<typeof AcquireDealsSpec>

/** The deal behind a piece, with what kind it is. */
export const DealInfoV2 = z.object({ ...MarketDealInfo.shape, IsBuiltinMarket: Bool, IsCompatible: Bool })
export type DealInfoV2 = z.infer<typeof DealInfoV2>

export const SectorPieceV2 = z.object({ Piece: PieceInfo, DealInfo: orNull(DealInfoV2) })
export type SectorPieceV2 = z.infer<typeof SectorPieceV2>

/** The pieces of a sector in their order in the sector. Null and empty are not the same: null is "deals are disabled". */
export const SectorPieces = nullableList(SectorPieceV2)
export type SectorPieces = z.infer<typeof SectorPieces>

/** The first generation of deals: built-in market only; `ID` 0 is a filler. */
export const LegacyDealInfo = z.object({
  ID: orZero(DealId, () => 0),
  PayloadSize: orZero(Uint64, () => 0),
  Piece: z.object({ Size: PaddedPieceSize, Offset: orZero(PaddedPieceSize, () => 0), Cid: CidJson }),
  Proposal: orNull(DealProposal),
  IsCompatible: Bool,
})
export type LegacyDealInfo = z.infer<typeof LegacyDealInfo>

export const LegacyDeals = nullableList(LegacyDealInfo)
export type LegacyDeals = z.infer<typeof LegacyDeals>
