import { z } from 'zod'
import { orZero } from '../rpc/zero-value.js'
import { Address, AddressJson } from '../wire/address.js'
import { ActorId, Uint64 } from '../wire/numbers.js'
import { RegisteredPoStProof, RegisteredSealProof } from '../wire/proof-types.js'

/** What the chain says of a miner; `SealProofType` is the type for new sectors at the present network version. */
export const MinerInfo = z.object({
  ID: ActorId,
  Addr: orZero(AddressJson, () => Address.EMPTY),
  SectorSize: Uint64,
  WindowPoStProofType: RegisteredPoStProof,
  SealProofType: RegisteredSealProof,
})
export type MinerInfo = z.infer<typeof MinerInfo>
