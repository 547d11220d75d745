import { z } from 'zod'
import { Commitment } from '../wire/bytes.js'
import { UnpaddedPieceSize } from '../wire/numbers.js'
import { Path, RegisteredProof, sectorFields } from './sector.js'

/** Writes `num_bytes` unpadded bytes of a sealed sector, from the unpadded `offset` on, into `unsealed_output`. */
export const UnsealTask = z.object({
  registered_proof: RegisteredProof,
  ...sectorFields,
  comm_d: Commitment,
  ticket: Commitment,
  cache_dir: Path,
  sealed_file: Path,
  unsealed_output: Path,
  offset: UnpaddedPieceSize,
  num_bytes: UnpaddedPieceSize,
})
export type UnsealTask = z.infer<typeof UnsealTask>

/** Unpadded bytes that were written. */
export const UnsealOutput = UnpaddedPieceSize
export type UnsealOutput = z.infer<typeof UnsealOutput>

/**
 * The same of a sector that was upgraded. `comm_d_old`, `comm_r_old` and `ticket` are of the sector before the upgrade, whose files are not needed. Not a
 * stage of damocles, which cannot read such sectors.
 */
export const SnapDecodeTask = z.object({
  registered_proof: RegisteredProof,
  ...sectorFields,
  comm_d_old: Commitment,
  comm_r_old: Commitment,
  ticket: Commitment,
  comm_d_new: Commitment,
  new_replica_path: Path,
  unsealed_output: Path,
  offset: UnpaddedPieceSize,
  num_bytes: UnpaddedPieceSize,
})
export type SnapDecodeTask = z.infer<typeof SnapDecodeTask>
