/** How a sector stands in a state of the chain: `live` until it ends or is terminated, `over` when its record is still kept, `absent` without one. */
export type ChainStanding = 'live' | 'over' | 'absent'

/** What decides whether the files of a sector may be deleted. */
export interface RemovalFacts {
  readonly height: number
  readonly now: ChainStanding
  /** One look-back of the winning PoSt ago: until then it can still be asked for. */
  readonly lookbackAgo: ChainStanding
  /** Epochs of that look-back. */
  readonly lookback: number
  /** Of a live sector. */
  readonly expiration: number | undefined
  /** The chain waits for its proof. */
  readonly preCommitted: boolean
  /** From the record, 0 when it was not terminated. */
  readonly terminatedAt: number
}

type Rule = (facts: RemovalFacts) => string | undefined

/** Each answers why the files must stay. */
const RULES: readonly Rule[] = [
  ({ now, expiration }) =>
    now === 'live'
      ? `it is live on the chain${expiration === undefined ? '' : ` until epoch ${expiration}`}: deleting its files makes it faulty; terminate it first`
      : undefined,
  ({ preCommitted }) => (preCommitted ? 'it is pre-committed on the chain, and may still be proven' : undefined),
  ({ terminatedAt, lookback, height }) =>
    terminatedAt > 0 && height < terminatedAt + lookback
      ? `wait for expiration(+winning lookback?): ${terminatedAt + lookback}`
      : undefined,
  ({ lookbackAgo, lookback, height }) =>
    lookbackAgo === 'live'
      ? `wait for expiration(+winning lookback?): it was live ${lookback} epochs ago, before epoch ${height}`
      : undefined,
]

/** Why the files of a sector must stay; undefined when nothing needs them any more. */
export function whyFilesStay(facts: RemovalFacts): string | undefined {
  for (const rule of RULES) {
    const why = rule(facts)
    if (why !== undefined) return why
  }
  return undefined
}
