import type { StageName } from '../../../rpc-schema/processor/stages.js'

export interface Urgency {
  /** The smaller, the earlier among those who wait. */
  readonly rank: number
  /** What it lacks is kept for it from the beginning: a deadline does not wait. */
  readonly isTimeCritical: boolean
}

export const ORDINARY: Urgency = { rank: 9, isTimeCritical: false }

/**
 * Who is served first where stages share locks (`ext_locks`) or children. A missed window costs more than any sealed sector; a C2 frees a sector that is
 * otherwise done. C2 cannot hold up PC2 for ever: there are no more of it than PC2 has brought.
 */
// biome-ignore format: a table
const URGENCIES: { readonly [S in StageName]?: Urgency } = {
  winning_post: { rank: 0, isTimeCritical: true },
  window_post:  { rank: 1, isTimeCritical: true },
  c2:           { rank: 2, isTimeCritical: false },
  pc2:          { rank: 3, isTimeCritical: false },
}

export const urgencyOf = (stage: StageName): Urgency => URGENCIES[stage] ?? ORDINARY
