import type { Message } from '../../../rpc-schema/wire/message.js'
import type { ChainApi } from '../chain/chain-node.js'
import type { Fees, HigherFees } from './carrier.js'

/** The gas of a whole block: no message can use more. */
const BLOCK_GAS_LIMIT = 10_000_000_000
/** As a node estimates by itself: a premium that gets the message into one of so many blocks, a cap that holds for so many epochs. */
const PREMIUM_BLOCKS = 10
const FEE_CAP_EPOCHS = 20
/** Factors are applied to whole numbers in thousandths. */
const THOUSAND = 1000n

/**
 * A message with its gas by the settings: the limit is what the node says it uses times `gasOverEstimation`, the premium the node's times
 * `gasOverPremium`, the cap the one that is set. What is not set is the node's own, and then no default of the node lowers it: a cap below the base
 * fee would keep the message waiting. Throws the node's words when the message would fail.
 */
export async function fillGas(api: ChainApi, message: Message, fees: Fees): Promise<Message> {
  const used = await api.GasEstimateGasLimit({ ...message, GasLimit: 0, GasFeeCap: 0n, GasPremium: 0n }, [])
  const GasLimit = Math.min(Math.ceil(used * Math.max(1, fees.gasOverEstimation)), BLOCK_GAS_LIMIT)
  const usual = await api.GasEstimateGasPremium(PREMIUM_BLOCKS, message.From, GasLimit, [])
  const premium = fees.gasOverPremium > 0 ? times(usual, fees.gasOverPremium) : usual
  const GasFeeCap =
    fees.gasFeeCap > 0n
      ? fees.gasFeeCap
      : await api.GasEstimateFeeCap({ ...message, GasLimit, GasPremium: premium }, FEE_CAP_EPOCHS, [])
  return { ...message, GasLimit, GasFeeCap, GasPremium: premium < GasFeeCap ? premium : GasFeeCap }
}

/** Pools take another message of a nonce only with a premium this much higher: a quarter, in hundredths. */
const REPLACE_PERCENT = 125n

/** The same message with higher fees, so that it takes the place of this one; undefined when the limit does not leave room for that. */
export async function raisedFees(api: ChainApi, message: Message, fees: HigherFees): Promise<Message | undefined> {
  const usual = await api.GasEstimateGasPremium(PREMIUM_BLOCKS, message.From, message.GasLimit, [])
  const wanted = times(usual, fees.premiumFactor)
  const least = (message.GasPremium * REPLACE_PERCENT) / 100n + 1n
  const most = fees.maxFee / BigInt(message.GasLimit)
  const premium = wanted > least ? wanted : least
  if (least > most) return undefined
  const GasPremium = premium < most ? premium : most
  const cap = [message.GasFeeCap, fees.feeCap, GasPremium].reduce((a, b) => (a > b ? a : b))
  return { ...message, GasPremium, GasFeeCap: cap < most || message.GasFeeCap > most ? cap : most }
}

const times = (amount: bigint, factor: number): bigint =>
  (amount * BigInt(Math.round(factor * Number(THOUSAND)))) / THOUSAND
