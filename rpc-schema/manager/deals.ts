import { z } from 'zod'
import { DealProposal } from '../chain/market-deal.js'
import { Bool, orNull, orZero } from '../rpc/zero-value.js'
import { Address, AddressJson } from '../wire/address.js'
import { CidJson } from '../wire/cid.js'
import { nullableList } from '../wire/list.js'
import { AllocationId, ChainEpoch, DealId, PaddedPieceSize, Uint64 } from '../wire/numbers.js'
import { PieceInfo } from '../wire/piece.js'

/** Limits of the deals for one sector; `MinUsedSpace` in bytes. */
export const AcquireDealsSpec = z.object({ MaxDeals: orNull(Uint64), MinUsedSpace: orNull(Uint64) })
export type AcquireDealsSpec = z.infer<typeof AcquireDealsSpec>

/**
 * The deal behind a piece. `IsBuiltinMarket` says which id counts: `DealID` or `AllocationID` (direct data onboarding);
 * both 0 is a filler of zeros. Sizes are padded bytes, except `PayloadSize`, the bytes of the piece file itself.
 */
export const DealInfoV2 = z.object({
  DealID: orZero(DealId, () => 0),
  PublishCid: orNull(CidJson),
  AllocationID: orZero(AllocationId, () => 0),
  PieceCID: orNull(CidJson),
  PieceSize: orZero(PaddedPieceSize, () => 0),
  Client: orZero(AddressJson, () => Address.EMPTY),
  Provider: orZero(AddressJson, () => Address.EMPTY),
  Offset: orZero(PaddedPieceSize, () => 0),
  Length: orZero(PaddedPieceSize, () => 0),
  PayloadSize: orZero(Uint64, () => 0),
  StartEpoch: orZero(ChainEpoch, () => 0),
  EndEpoch: orZero(ChainEpoch, () => 0),
  IsBuiltinMarket: Bool,
  IsCompatible: Bool,
})
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
