import { POLICY } from '../chain/policy.js'
import { actors, network, SINGLETONS } from '../state/records.js'
import type { StateView } from '../state/state-tree.js'

// Where a network derives these from its rewards and its power, the devnet has constants: the amounts a real 2 KiB network showed.

/** attoFIL of pledge by byte of quality-adjusted power: the actor's cap of 1 FIL by 32 GiB, which small networks always reach. */
const PLEDGE_PER_BYTE = 10n ** 18n / 2n ** 35n
/** attoFIL of pre-commit deposit by byte of the most power that the sector can get. */
const DEPOSIT_PER_BYTE = 43_881_700n
/** Quality of verified data over that of anything else. */
const VERIFIED_MULTIPLIER = 10n
/** attoFIL in circulation, for the daily fee. */
export const CIRCULATING_SUPPLY = 560_000_000n * 10n ** 18n
/** Share of the circulating supply that is the daily fee of a byte of power (FIP-0100). */
const DAILY_FEE = { numerator: 161_817n, denominator: 10n ** 30n }
/** A tenth of the least power that takes part in consensus (FIP-0077). */
const CREATION_DEPOSIT_BYTES = 204n

export const preCommitDeposit = (sectorSize: number): bigint =>
  BigInt(sectorSize) * VERIFIED_MULTIPLIER * DEPOSIT_PER_BYTE

/** Power of a sector of which some bytes are verified data for the whole lifetime. */
export const qualityAdjustedPower = (sectorSize: number, verifiedBytes: number): bigint =>
  BigInt(sectorSize - verifiedBytes) + BigInt(verifiedBytes) * VERIFIED_MULTIPLIER

export const initialPledge = (power: bigint): bigint => power * PLEDGE_PER_BYTE

export const dailyFee = (power: bigint): bigint =>
  (CIRCULATING_SUPPLY * power * DAILY_FEE.numerator) / DAILY_FEE.denominator

export const MINER_CREATION_DEPOSIT = initialPledge(CREATION_DEPOSIT_BYTES)

/** What a node answers to those who ask for the price: a tenth more than the actor will take. */
export const quoted = (amount: bigint): bigint => (amount * 110n) / 100n

/** attoFIL on all actors: constant, whatever happens. */
export function totalSupply(view: StateView): bigint {
  let sum = 0n
  const ids = new Set<number>(Object.values(SINGLETONS))
  for (let id = 100; id < network.get(view).nextActorId; id++) ids.add(id)
  for (const id of ids) sum += actors.get(view, id)?.balance ?? 0n
  return sum
}

/** Shares of a pledge that are burnt when its sector ends early (FIP-0098): grows with the age to the cap, never below the least. */
const TERMINATION_FEE = { mostPermille: 85n, leastPermille: 20n } as const

/**
 * attoFIL for ending a sector before its time. FIP-0098 also has a bound by the fault fee, which is nothing here: without block rewards
 * there is nothing that a fault costs.
 */
export function terminationFee(pledge: bigint, ageEpochs: number): bigint {
  const most = (pledge * TERMINATION_FEE.mostPermille) / 1000n
  const byAge = (most * BigInt(ageEpochs)) / BigInt(POLICY.terminationLifetimeCap)
  const least = (pledge * TERMINATION_FEE.leastPermille) / 1000n
  const fee = byAge < most ? byAge : most
  return fee > least ? fee : least
}
