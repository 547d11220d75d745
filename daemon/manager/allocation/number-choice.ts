import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'

export interface NumberLimits {
  /** Numbers are given above this one. */
  readonly min: number
  /** The last one that may be given; null is no limit. */
  readonly max: number | null
}

/** What tells which numbers of a miner have been used; each within the limits, undefined when there is none. */
export interface UsedNumbers {
  /** The last one that was given here; 0 before the first. */
  readonly given: number
  /** How many are to be left out since the database was restored from a copy. */
  readonly owed: number
  /** The largest with a record. */
  readonly recorded: number | undefined
  /** The largest that the chain has used up. */
  readonly onChain: number | undefined
  /** The largest with files in a store. */
  readonly stored: number | undefined
}

export interface NumberChoice {
  readonly number: number
  /** Why numbers were left out. */
  readonly skipped: string | undefined
}

/** The least that is left out when the chain or the stores show newer numbers than this database knows. */
export const FORGOTTEN_NUMBERS = 1_000
/** A manager is taken to begin no more than one sector in so many milliseconds. */
const SECTOR_MS = 10_000

/**
 * How many numbers a database that is older than what was sealed may have forgotten: those that are being sealed somewhere and have not come to the chain
 * yet. It grows with the age of what the database knows, so that the same copy put back a second time does not lead to the same numbers.
 */
export const forgottenNumbers = (ageMs: number): number => FORGOTTEN_NUMBERS + Math.ceil(Math.max(0, ageMs) / SECTOR_MS)

/** The number to give next; null when it would be above the limit. `ageMs`: of the newest record. */
export function chooseNumber(used: UsedNumbers, { min, max }: NumberLimits, ageMs: number): NumberChoice | null {
  const known = Math.max(used.given, used.recorded ?? 0, min)
  const shown = Math.max(used.onChain ?? 0, used.stored ?? 0)
  const forgotten = shown > known
  const leftOut = used.owed + (forgotten ? forgottenNumbers(ageMs) : 0)
  const number = Math.max(known, shown) + leftOut + 1
  if (max !== null && number > max) return null
  if (leftOut === 0) return { number, skipped: undefined }
  if (!forgotten)
    return { number, skipped: `the database was restored from a copy, so ${leftOut} numbers are left out` }
  const where = shown === used.onChain ? 'the chain' : 'a persist store'
  return {
    number,
    skipped: `${where} has sector ${shown}, this database knows none above ${known}: it may be older than what was sealed, so ${leftOut} numbers more are left out`,
  }
}

/** The largest member in `from < member ≤ to`; the set may hold billions. */
export function largestWithin(used: Bitfield, { min, max }: NumberLimits): number | undefined {
  const end = max ?? Number.MAX_SAFE_INTEGER
  for (let at = used.bounds.length - 2; at >= 0; at -= 2) {
    const [first, behind] = [used.bounds[at]!, used.bounds[at + 1]!]
    if (first > end) continue
    const member = Math.min(behind - 1, end)
    return member > min ? member : undefined
  }
  return undefined
}
