import { z } from 'zod'
import { Bool, orNull, orZero } from '../rpc/zero-value.js'
import { Address, AddressJson } from '../wire/address.js'
import { Base64Bytes } from '../wire/bytes.js'
import { list } from '../wire/list.js'
import { ChainEpoch, Uint64 } from '../wire/numbers.js'
import { RegisteredPoStProof } from '../wire/proof-types.js'
import { TokenAmount } from '../wire/token-amount.js'

const Amount = orZero(TokenAmount, () => 0n)
const Epoch = orZero(ChainEpoch, () => 0)
const AnyAddress = orZero(AddressJson, () => Address.EMPTY)

/** How much the beneficiary may draw, and until when. */
export const BeneficiaryTerm = z.object({ Quota: Amount, UsedQuota: Amount, Expiration: Epoch })
export type BeneficiaryTerm = z.infer<typeof BeneficiaryTerm>

export const PendingBeneficiaryChange = z.object({
  NewBeneficiary: AddressJson,
  NewQuota: Amount,
  NewExpiration: Epoch,
  ApprovedByBeneficiary: Bool,
  ApprovedByNominee: Bool,
})
export type PendingBeneficiaryChange = z.infer<typeof PendingBeneficiaryChange>

/** `NewWorker` is the empty address and `WorkerChangeEpoch` −1 when no change is pending. */
export const StateMinerInfo = z.object({
  Owner: AddressJson,
  Worker: AddressJson,
  NewWorker: AnyAddress,
  ControlAddresses: list(AddressJson),
  WorkerChangeEpoch: orZero(ChainEpoch, () => -1),
  PeerId: orNull(z.string()),
  Multiaddrs: list(Base64Bytes),
  WindowPoStProofType: RegisteredPoStProof,
  SectorSize: Uint64,
  WindowPoStPartitionSectors: Uint64,
  ConsensusFaultElapsed: orZero(ChainEpoch, () => -1),
  PendingOwnerAddress: orNull(AddressJson),
  Beneficiary: AnyAddress,
  BeneficiaryTerm: orNull(BeneficiaryTerm),
  PendingBeneficiaryTerm: orNull(PendingBeneficiaryChange),
})
export type StateMinerInfo = z.infer<typeof StateMinerInfo>
