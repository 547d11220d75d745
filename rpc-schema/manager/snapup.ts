import { z } from 'zod'
import { orZero, Text } from '../rpc/zero-value.js'
import { Base64Bytes, Commitment } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { ChainEpoch, Uint64 } from '../wire/numbers.js'
import { AllocatedSector, AllocateSectorSpec } from './allocation.js'
import { AcquireDealsSpec, SectorPieceV2 } from './deals.js'

export const AllocateSnapUpSpec = z.object({
  Sector: orZero(AllocateSectorSpec, () => ({ AllowedMiners: [], AllowedProofTypes: [] })),
  Deals: orZero(AcquireDealsSpec, () => ({ MaxDeals: null, MinUsedSpace: null })),
})
export type AllocateSnapUpSpec = z.infer<typeof AllocateSnapUpSpec>

/** The sector as it is on the chain before the upgrade. */
export const SectorPublicInfo = z.object({
  CommR: Commitment,
  SealedCID: CidJson,
  Activation: ChainEpoch,
  Expiration: ChainEpoch,
})
export type SectorPublicInfo = z.infer<typeof SectorPublicInfo>

/** The persist store that holds the sector's files. */
export const SectorPrivateInfo = z.object({ AccessInstance: Text })
export type SectorPrivateInfo = z.infer<typeof SectorPrivateInfo>

export const AllocatedSnapUpSector = z.object({
  Sector: AllocatedSector,
  Pieces: list(SectorPieceV2),
  Public: SectorPublicInfo,
  Private: SectorPrivateInfo,
})
export type AllocatedSnapUpSector = z.infer<typeof AllocatedSnapUpSector>

export const SnapUpOnChainInfo = z.object({
  CommR: Commitment,
  CommD: Commitment,
  AccessInstance: Text,
  Pieces: list(CidJson),
  Proof: Base64Bytes,
})
export type SnapUpOnChainInfo = z.infer<typeof SnapUpOnChainInfo>

/** `Total`: good candidates in the deadline; `Diff`: how many of them are new. */
export const SnapUpFetchResult = z.object({ Total: orZero(Uint64, () => 0), Diff: orZero(Uint64, () => 0) })
export type SnapUpFetchResult = z.infer<typeof SnapUpFetchResult>
