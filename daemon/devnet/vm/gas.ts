import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import type { Message } from '../../../rpc-schema/wire/message.js'
import { SignedMessageCbor } from '../../../rpc-schema/wire/message.js'
import { SIGNATURE_TYPES } from '../../../rpc-schema/wire/signature.js'

/** Gas of having a message on the chain at all: fixed part, and by byte. */
const ON_CHAIN_BASE = 38_863
const ON_CHAIN_PER_BYTE = 1_300
const PLACEHOLDER_SIGNATURE = new Uint8Array(65)

/** What methods cost, near what a real 2 KiB network was seen to charge: `base`, and by sector in the message. */
const METHOD_GAS: ReadonlyMap<number, { base: number; perSector: number }> = new Map([
  [METHODS.miner.SubmitWindowedPoSt, { base: 19_000_000, perSector: 0 }],
  [METHODS.miner.PreCommitSectorBatch2, { base: 11_000_000, perSector: 1_000_000 }],
  [METHODS.miner.ProveCommitSectors3, { base: 30_000_000, perSector: 60_000_000 }],
  [METHODS.miner.ProveReplicaUpdates3, { base: 30_000_000, perSector: 60_000_000 }],
  [METHODS.miner.TerminateSectors, { base: 10_000_000, perSector: 1_000_000 }],
  [METHODS.miner.ExtendSectorExpiration2, { base: 10_000_000, perSector: 1_000_000 }],
  [METHODS.miner.DeclareFaults, { base: 10_000_000, perSector: 10_000 }],
  [METHODS.miner.DeclareFaultsRecovered, { base: 10_000_000, perSector: 10_000 }],
  [METHODS.miner.ProveCommitAggregate, { base: 150_000_000, perSector: 20_000_000 }],
])
const SEND_GAS = 481_000
const OTHER_GAS = 3_000_000

/** Gas that a message costs before it does anything; a smaller limit keeps it out of every block. */
export function onChainGas(message: Message): number {
  const bytes = SignedMessageCbor.encode({
    Message: message,
    Signature: { Type: SIGNATURE_TYPES.secp256k1, Data: PLACEHOLDER_SIGNATURE },
  })
  return ON_CHAIN_BASE + ON_CHAIN_PER_BYTE * bytes.length
}

/** Gas that running a message uses; `sectors` is how many it speaks of. */
export function executionGas(message: Message, sectors: number): number {
  const method = METHOD_GAS.get(message.Method)
  const run = message.Method === 0 ? SEND_GAS : method ? method.base + method.perSector * sectors : OTHER_GAS
  return onChainGas(message) + run
}

export interface GasCost {
  readonly baseFeeBurn: bigint
  readonly overEstimationBurn: bigint
  readonly minerTip: bigint
  /** All that the sender pays. */
  readonly total: bigint
}

/** Who gets what of the gas a message paid for (Filecoin's rule for gas outputs, with a penalty for a limit far beyond the use). */
export function gasCost(message: Message, gasUsed: number, baseFee: bigint): GasCost {
  const paidFee = lesser(message.GasFeeCap, baseFee)
  const spare = message.GasFeeCap - paidFee
  const premium = lesser(message.GasPremium, spare)
  const baseFeeBurn = paidFee * BigInt(gasUsed)
  const minerTip = premium * BigInt(message.GasLimit)
  const overEstimationBurn = paidFee * BigInt(overEstimated(gasUsed, message.GasLimit))
  return { baseFeeBurn, overEstimationBurn, minerTip, total: baseFeeBurn + minerTip + overEstimationBurn }
}

const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** Gas that is burnt beside the used: a growing share of the unused once the limit exceeds the use by a tenth. */
function overEstimated(gasUsed: number, gasLimit: number): number {
  if (gasUsed === 0) return gasLimit
  const over = Math.min(gasLimit - Math.floor((11 * gasUsed) / 10), gasUsed)
  if (over <= 0) return 0
  return Number((BigInt(gasLimit - gasUsed) * BigInt(over)) / BigInt(gasUsed))
}
