import { z } from 'zod'
import { Base64Bytes, Commitment } from '../wire/bytes.js'
import { list } from '../wire/list.js'
import { SectorNumber } from '../wire/numbers.js'
import { PoStProofName } from '../wire/proof-types.js'
import { MinerId, Path } from './sector.js'

export const PoStReplica = z.object({ sector_id: SectorNumber, comm_r: Commitment, cache_dir: Path, sealed_file: Path })
export type PoStReplica = z.infer<typeof PoStReplica>

/** `seed`: the challenge; the last byte masked with 0x3f. */
export const PoStTask = z.object({
  miner_id: MinerId,
  proof_type: PoStProofName,
  replicas: list(PoStReplica),
  seed: Commitment,
})
export type PoStTask = z.infer<typeof PoStTask>

/**
 * `trial`: nobody sends this proof to the chain; it gives way to those that are. Absent for them. `vanilla_files`: what the sectors have to show has been
 * read already, and lies in these files (chunks as of `vanilla-chunk.ts`); the paths of the replicas are empty then.
 */
export const WindowPoStTask = z.object({
  ...PoStTask.shape,
  trial: z.boolean().optional(),
  vanilla_files: list(Path).optional(),
})
export type WindowPoStTask = z.infer<typeof WindowPoStTask>

/** Proofs of all replicas, or the sectors that could not be read. */
export const WindowPoStOutput = z.object({ proofs: list(Base64Bytes), faults: list(SectorNumber) })
export type WindowPoStOutput = z.infer<typeof WindowPoStOutput>

export const WinningPoStOutput = z.object({ proofs: list(Base64Bytes) })
export type WinningPoStOutput = z.infer<typeof WinningPoStOutput>
