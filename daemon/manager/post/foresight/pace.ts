import type { RehearsalVerdict } from '../../../../rpc-schema/manager/post-rehearsal.js'
import type { WindowRecord } from '../../../../rpc-schema/manager/post-timeline.js'

/** What reading several sectors of a store at the same time gains: its disks do not get faster with every reader. */
const STORE_LANES_WORTH = 2
/** And of all stores together: the network and this machine are shared. */
const ALL_LANES_WORTH = 8
/** Beyond this share of the time there is little room for anything unforeseen. */
const TIGHT_SHARE = 0.7

/** How long reading sectors takes that lie in stores of which it is known how long one sector takes, ms. */
export function readingMs(sectorsOf: ReadonlyMap<string, number>, meanMs: (store: string) => number): number {
  const each = [...sectorsOf].map(([store, sectors]) => sectors * meanMs(store))
  const longest = Math.max(0, ...each)
  const all = each.reduce((sum, ms) => sum + ms, 0)
  return Math.max(longest / STORE_LANES_WORTH, all / ALL_LANES_WORTH)
}

export interface ComingWindow {
  readonly partitions: number
  /** Reading all its sectors. */
  readonly readMs: number
  /** What a partition takes besides. */
  readonly restMs: number
  /** From the beginning of its proofs to the last moment at which one may be made. */
  readonly leftMs: number
}

/** How much time a window needs, and whether there is so much. */
export function forecast({ partitions, readMs, restMs, leftMs }: ComingWindow): {
  neededMs: number
  verdict: RehearsalVerdict
} {
  const neededMs = Math.round(readMs + partitions * restMs)
  if (partitions === 0) return { neededMs: 0, verdict: 'nothing' }
  const verdict = neededMs > leftMs ? 'late' : neededMs > leftMs * TIGHT_SHARE ? 'tight' : 'good'
  return { neededMs, verdict }
}

/** From the beginning of a window's proofs to the last of them, ms; undefined when there was none. */
export function provingMs({ Steps }: Pick<WindowRecord, 'Steps'>): number | undefined {
  const begun = Steps.findLast(({ Step }) => Step === 'undone' || Step === 'begun')
  const last = Steps.findLast(({ Step }) => Step === 'verified')
  return begun === undefined || last === undefined || last.At < begun.At ? undefined : last.At - begun.At
}

/** The middle one; 0 of none. One window that went badly says little of the next. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
