import { z } from 'zod'
import { ByteArray, Commitment } from '../wire/bytes.js'
import { list } from '../wire/list.js'
import { UpdateProofName } from '../wire/proof-types.js'
import { Path, PieceInfo } from './sector.js'

/** The replica before (`sector_…`) and after (`new_…`) the update. */
const replicas = {
  new_replica_path: Path,
  new_cache_path: Path,
  sector_path: Path,
  sector_cache_path: Path,
}

/** `new_replica_path` must exist with the size of the sector, `new_cache_path` with the tree of the new data. */
export const SnapEncodeTask = z.object({
  registered_proof: UpdateProofName,
  ...replicas,
  staged_data_path: Path,
  piece_infos: list(PieceInfo),
})
export type SnapEncodeTask = z.infer<typeof SnapEncodeTask>

export const SnapEncodeOutput = z.object({
  comm_r_new: Commitment,
  comm_r_last_new: Commitment,
  comm_d_new: Commitment,
})
export type SnapEncodeOutput = z.infer<typeof SnapEncodeOutput>

const commitments = { comm_r_old: Commitment, comm_r_new: Commitment, comm_d_new: Commitment }

/** Not a stage of damocles, which makes the vanilla proofs of an update within its sealing threads. */
export const SnapVanillaTask = z.object({ registered_proof: UpdateProofName, ...replicas, ...commitments })
export type SnapVanillaTask = z.infer<typeof SnapVanillaTask>

/** One vanilla proof a partition. */
export const SnapVanillaOutput = z.array(ByteArray)
export type SnapVanillaOutput = z.infer<typeof SnapVanillaOutput>

/** `vannilla_proofs` is the wire's spelling. */
export const SnapProveTask = z.object({
  registered_proof: UpdateProofName,
  vannilla_proofs: list(ByteArray),
  ...commitments,
})
export type SnapProveTask = z.infer<typeof SnapProveTask>

export const SnapProveOutput = ByteArray
export type SnapProveOutput = z.infer<typeof SnapProveOutput>
