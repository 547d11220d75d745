import type { ChildConfig, ChildStage } from './child-config.js'

/** When a task is taken for hung. */
export interface StallLimit {
  /** Without an answer and without progress for so long. */
  readonly limitMs: number
  /** `progress`: the time starts with the first sign of progress, for a child that never gives one is not hung, it is silent. */
  readonly from: 'request' | 'progress'
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/**
 * The limits of the built-in processors, many times what the slowest machine needs between two signs. Copying says at every chunk how
 * far it is, so its silence from the start means a file system that hangs; the rest is watched once it has begun to tell.
 */
const BUILT_IN: { readonly [S in ChildStage]?: StallLimit } = {
  transfer: { limitMs: 20 * MINUTE, from: 'request' },
  add_pieces: { limitMs: HOUR, from: 'progress' },
  tree_d: { limitMs: HOUR, from: 'progress' },
  pc1: { limitMs: 6 * HOUR, from: 'progress' },
  pc2: { limitMs: 3 * HOUR, from: 'progress' },
  synth_proof: { limitMs: 3 * HOUR, from: 'progress' },
  c2: { limitMs: 3 * HOUR, from: 'progress' },
  snap_encode: { limitMs: 3 * HOUR, from: 'progress' },
  snap_prove: { limitMs: 3 * HOUR, from: 'progress' },
  snap_decode: { limitMs: 6 * HOUR, from: 'progress' },
  unseal: { limitMs: 6 * HOUR, from: 'progress' },
}

/** As configured; without that, only our own processors have one. */
export function stallLimit(stage: ChildStage, config: ChildConfig): StallLimit | undefined {
  if (config.stallLimitMs !== undefined) return { limitMs: config.stallLimitMs, from: 'request' }
  return config.bin === undefined ? BUILT_IN[stage] : undefined
}
