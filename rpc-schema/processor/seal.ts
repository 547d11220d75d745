import { z } from 'zod'
import { ByteArray, Commitment } from '../wire/bytes.js'
import { list } from '../wire/list.js'
import { MinerId, Path, PieceInfo, RegisteredProof, sectorFields } from './sector.js'

/**
 * An output of the proofs library that is only carried from one stage to the next (kilobytes for PC1, up to hundreds of megabytes for
 * C1): its insides are never looked at.
 */
const opaque = () => z.looseObject({ registered_proof: z.string() })

export const PC1Output = opaque()
export type PC1Output = z.infer<typeof PC1Output>

export const C1Output = opaque()
export type C1Output = z.infer<typeof C1Output>

/** `in_path`: staged file; `out_path`: sealed file, which must exist; `cache_path` holds the tree of the data. */
export const PC1Task = z.object({
  registered_proof: RegisteredProof,
  cache_path: Path,
  in_path: Path,
  out_path: Path,
  ...sectorFields,
  ticket: Commitment,
  piece_infos: list(PieceInfo),
})
export type PC1Task = z.infer<typeof PC1Task>

export const PC2Task = z.object({ pc1out: PC1Output, cache_dir: Path, sealed_file: Path })
export type PC2Task = z.infer<typeof PC2Task>

export const PC2Output = z.object({ registered_proof: RegisteredProof, comm_r: Commitment, comm_d: Commitment })
export type PC2Output = z.infer<typeof PC2Output>

/** A sealed sector with its cache. */
const sealed = {
  registered_proof: RegisteredProof,
  cache_path: Path,
  sealed_file: Path,
  ...sectorFields,
  ticket: Commitment,
}

/** Not a stage of damocles, which runs C1 within its sealing threads. */
export const C1Task = z.object({
  ...sealed,
  seed: Commitment,
  comm_r: Commitment,
  comm_d: Commitment,
  piece_infos: list(PieceInfo),
})
export type C1Task = z.infer<typeof C1Task>

export const C2Task = z.object({ c1out: C1Output, ...sectorFields, miner_id: MinerId })
export type C2Task = z.infer<typeof C2Task>

export const C2Output = z.object({ proof: ByteArray })
export type C2Output = z.infer<typeof C2Output>

/** Writes the synthetic vanilla proofs into the cache; afterwards the layers are not needed any more. */
export const SynthProofTask = z.object({
  ...sealed,
  comm_r: Commitment,
  comm_d: Commitment,
  piece_infos: list(PieceInfo),
})
export type SynthProofTask = z.infer<typeof SynthProofTask>

/** Removes what only C1 needs. `synthetic`: the synthetic proofs too. */
export const ClearCacheTask = z.object({ registered_proof: RegisteredProof, cache_path: Path, synthetic: z.boolean() })
export type ClearCacheTask = z.infer<typeof ClearCacheTask>
