import { array, type CborValue, cid, int, nullable, tuple, uint } from '../wire/cbor.js'

export const SectorPreCommitInfo = tuple({
  SealProof: int,
  SectorNumber: uint,
  SealedCID: cid,
  /** Epoch of the ticket. */
  SealRandEpoch: int,
  DealIDs: array(uint),
  Expiration: int,
  /** comm_d; null for a sector without data. */
  UnsealedCid: nullable(cid),
})
export type SectorPreCommitInfo = CborValue<typeof SectorPreCommitInfo>

/** Method 28. Returns nothing. */
export const PreCommitSectorBatch2Params = tuple({ Sectors: array(SectorPreCommitInfo) })
export type PreCommitSectorBatch2Params = CborValue<typeof PreCommitSectorBatch2Params>
