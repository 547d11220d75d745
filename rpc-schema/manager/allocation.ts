import { z } from 'zod'
import { orAbsent } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { ActorId, Int64 } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { SectorID } from '../wire/sector-id.js'

/** Which miners and seal proof types a worker can serve; an empty list is no limit. Types that are not known here fit nothing. */
export const AllocateSectorSpec = z.object({
  AllowedMiners: list(ActorId),
  AllowedProofTypes: list(Int64),
})
export type AllocateSectorSpec = z.infer<typeof AllocateSectorSpec>

/** `Upgraded` is ours: the worker can read pieces of upgraded sectors, which others do not get. */
export const AllocateUnsealSpec = AllocateSectorSpec.extend({ Upgraded: orAbsent(z.boolean()) })
export type AllocateUnsealSpec = z.infer<typeof AllocateUnsealSpec>

export const AllocatedSector = z.object({ ID: SectorID, ProofType: RegisteredSealProof })
export type AllocatedSector = z.infer<typeof AllocatedSector>
