import type { MessageSendSpec } from '../../../rpc-schema/chain/gas.js'
import type { Message } from '../../../rpc-schema/wire/message.js'

/** A gas limit is this much above what the estimate used. */
export const GAS_OVERESTIMATION = 1.25
/** attoFIL a gas that gets a message into the next block. */
const USUAL_PREMIUM = 100_000n
/** Most attoFIL that a message may cost when its sender sets no bound. */
const DEFAULT_MAX_FEE = 70_000_000_000_000_000n
/** Epochs in which the base fee may rise by an eighth each before a message's fee cap no longer covers it. */
const FEE_CAP_EPOCHS = 20

/** Premium for a gas limit; a little dearer the sooner. */
export const estimatePremium = (blocks: number): bigint => USUAL_PREMIUM - BigInt(Math.min(blocks, 100)) * 19n

/** Fee cap that holds for some epochs of rising base fee. */
export function estimateFeeCap(baseFee: bigint, premium: bigint, epochs: number = FEE_CAP_EPOCHS): bigint {
  const growth = BigInt(Math.round(1.125 ** Math.min(epochs, 200) * 100))
  return (baseFee * growth) / 100n + premium
}

/** The message with the gas that its sender left open; a bound on the fee lowers the fee cap, even to nothing. */
export function withFees(message: Message, gasLimit: number, baseFee: bigint, spec: MessageSendSpec | null): Message {
  const filled = { ...message, GasLimit: message.GasLimit || gasLimit }
  filled.GasPremium = message.GasPremium || estimatePremium(10)
  filled.GasFeeCap = message.GasFeeCap || estimateFeeCap(baseFee, filled.GasPremium)
  const maxFee = spec && spec.MaxFee > 0n ? spec.MaxFee : DEFAULT_MAX_FEE
  if (filled.GasFeeCap * BigInt(filled.GasLimit) > maxFee) filled.GasFeeCap = maxFee / BigInt(filled.GasLimit)
  if (filled.GasPremium > filled.GasFeeCap) filled.GasPremium = filled.GasFeeCap
  return filled
}
