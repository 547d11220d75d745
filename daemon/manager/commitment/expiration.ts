import { type DataPiece, dealTerm } from '../allocation/pieces.js'
import { maxProveCommitDuration, type NetworkRules, POLICY } from '../chain/network-version.js'

export interface ExpirationFacts {
  /** Height of the head. */
  readonly head: number
  readonly ticketEpoch: number
  readonly pieces: readonly DataPiece[]
  /** `Sector.LifetimeDays`; 0 is the longest. */
  readonly lifetimeDays: number
  readonly challengeDelay: number
  readonly rules: Pick<NetworkRules, 'life'>
}

/**
 * When a new sector ends: with the last of its deals, or after the configured lifetime; pushed up to what the actors demand of a sector that is
 * proven as late as it may be, and down to what they allow.
 */
export function sectorExpiration(facts: ExpirationFacts): number {
  const { head, ticketEpoch, challengeDelay, rules } = facts
  const ends = facts.pieces.map(piece => dealTerm(piece)?.end ?? -1).filter(end => end >= head)
  const wanted = ends.length > 0 ? Math.max(...ends) : head + committedCapacityLifetime(facts)
  const shortest = Math.max(
    head + rules.life.least + POLICY.epochsPerDay,
    ticketEpoch + POLICY.maxPreCommitRandomnessLookback + maxProveCommitDuration(challengeDelay) + rules.life.least,
  )
  return Math.min(Math.max(wanted, shortest), head + challengeDelay + rules.life.mostAhead)
}

/** Two days short of what was asked for, so that the sector still fits when its message lands late. */
function committedCapacityLifetime({ lifetimeDays, rules }: ExpirationFacts): number {
  const longest = rules.life.mostAhead
  const wanted = lifetimeDays === 0 ? longest : lifetimeDays * POLICY.epochsPerDay
  if (wanted < rules.life.least) return rules.life.least
  return wanted > longest ? longest : wanted - 2 * POLICY.epochsPerDay
}
