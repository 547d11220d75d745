import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import type { Fees, HigherFees } from '../commitment/carrier.js'

/** What a message may cost when so much of its window is left. */
interface FeeLevel {
  /** From this share of the window on, 1 at its beginning. */
  readonly left: number
  /** Factor on the usual premium. */
  readonly premiumFactor: number
  /** The setting GasFeeCap does not hold any more where the chain asks for more: a missed window costs more than its message. */
  readonly aboveCap: boolean
}

export const FEE_LEVELS: readonly FeeLevel[] = [
  { left: 1, premiumFactor: 1, aboveCap: false },
  { left: 0.8, premiumFactor: 1.5, aboveCap: false },
  { left: 0.6, premiumFactor: 2.5, aboveCap: true },
  { left: 0.4, premiumFactor: 4, aboveCap: true },
  { left: 0.2, premiumFactor: 8, aboveCap: true },
]

/** No message of a window costs more than this, whatever happens: the limit that Lotus sets by default. */
export const MAX_FEE = 5n * FIL

/** The level for the time that is left. */
export function feeLevel(height: number, submit: number, close: number): number {
  const left = Math.max(0, close - height) / Math.max(1, close - submit)
  return Math.max(
    0,
    FEE_LEVELS.findLastIndex(level => left <= level.left),
  )
}

/** A cap under which the message lands even when the base fee rises for some epochs more. */
const spacious = (baseFee: bigint): bigint => baseFee * 2n

const higher = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** Fees of a message that is sent at a level. `failures`: how often it ran out of gas. */
export function feesAt(level: number, settings: Fees, baseFee: bigint, failures: number): Fees {
  const { premiumFactor, aboveCap } = FEE_LEVELS[level]!
  const cap = settings.gasFeeCap
  return {
    gasFeeCap: cap > 0n && aboveCap ? higher(cap, spacious(baseFee)) : cap,
    gasOverEstimation: Math.max(1, settings.gasOverEstimation) * (1 + failures / 2),
    gasOverPremium: premiumFactor === 1 ? settings.gasOverPremium : (settings.gasOverPremium || 1) * premiumFactor,
    maxFee: MAX_FEE,
  }
}

/** What a message that waits may be raised to at a level. */
export function raiseAt(level: number, settings: Fees, baseFee: bigint): HigherFees {
  const { premiumFactor, aboveCap } = FEE_LEVELS[level]!
  return {
    premiumFactor: (settings.gasOverPremium || 1) * premiumFactor,
    feeCap: aboveCap ? higher(settings.gasFeeCap, spacious(baseFee)) : settings.gasFeeCap,
    maxFee: MAX_FEE,
  }
}
