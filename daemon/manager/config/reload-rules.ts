export interface ReloadRule {
  /** A key or a table, without the numbers of array elements; the longest that fits holds. */
  readonly key: string
  readonly effect: 'at once' | 'after a restart'
  readonly about?: string
}

const atOnce = (key: string, about?: string): ReloadRule => ({ key, effect: 'at once', ...(about && { about }) })
const restart = (key: string, about?: string): ReloadRule => ({
  key,
  effect: 'after a restart',
  ...(about && { about }),
})

/** What of a changed configuration a running manager takes over. What is not named takes effect after a restart. */
export const RELOAD_RULES: readonly ReloadRule[] = [
  atOnce('Miners.Sector', 'numbers, allocation, deals, lifetime: from the next sector on'),
  atOnce('Miners.Fallback', 'from the next message on'),
  atOnce('Miners.SnapUp', 'senders, fees, confidences, retries: from the next message on'),
  atOnce('Miners.Commitment', 'batches, senders, fees, confidence: from the next message on'),
  atOnce('Miners.PoSt', 'from the next deadline on'),
  atOnce('Miners.Proof', 'from the next epoch on'),
  atOnce('Miners.Sealing', 'from the next sector on'),
  restart('Miners', 'a miner that is added or taken away'),
  atOnce('Common.PersistStores.Weight', 'from the next choice on'),
  atOnce('Common.PersistStores.ReadOnly', 'from the next choice on'),
  atOnce('Common.PersistStores.Strict'),
  atOnce('Common.PersistStores.AllowMiners', 'from the next choice on'),
  atOnce('Common.PersistStores.DenyMiners', 'from the next choice on'),
  atOnce('Common.PersistStores.KeepFree', 'from the next choice on'),
  restart('Common.PersistStores', 'a store that is added, taken away or moved'),
  atOnce('Common.Proving', 'from the next check or job on'),
  restart('Common', 'addresses, tokens, the database, piece stores, access'),
]

/** The rule for a key path like `Miners.Commitment.Pre.Batch.Threshold`. */
export function ruleOf(key: string): ReloadRule {
  let best: ReloadRule | undefined
  for (const rule of RELOAD_RULES) {
    const fits = key === rule.key || key.startsWith(`${rule.key}.`)
    if (fits && (best === undefined || rule.key.length > best.key.length)) best = rule
  }
  return best ?? { key, effect: 'after a restart' }
}
