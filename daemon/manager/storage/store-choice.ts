import { parseByteSize } from '../../kit/config/byte-size.js'
import type { PersistStoreSettings } from '../config/manager-settings.js'
import type { StoreSpace } from './store-files.js'

/** Whether a store may take sectors of a miner; the list of refusals goes first. */
export const admits = ({ DenyMiners, AllowMiners }: PersistStoreSettings, miner: number): boolean =>
  !DenyMiners.includes(miner) && (AllowMiners.length === 0 || AllowMiners.includes(miner))

/** Bytes that are to stay free: `2%` of the store, or a size. */
export function keptFree(keepFree: string, totalBytes: number): number {
  const percent = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(keepFree)
  if (percent === null) return parseByteSize(keepFree)
  return Math.ceil((totalBytes * Number(percent[1])) / 100)
}

export function isKeepFree(text: string): boolean {
  try {
    return keptFree(text, 1) >= 0
  } catch {
    return false
  }
}

/** Whether so much more fits beside what is held for others and what is to stay free. */
export const hasRoom = (
  settings: PersistStoreSettings,
  space: StoreSpace,
  heldBytes: number,
  sizeBytes: number,
): boolean => space.freeBytes - keptFree(settings.KeepFree, space.totalBytes) - heldBytes >= sizeBytes

/**
 * The share of a store among those that have room: its weight, less the more sectors are on their way into it, so that the writes of many workers
 * spread over the stores.
 */
export const share = ({ Weight }: PersistStoreSettings, liveWrites: number): number => (Weight || 1) / (1 + liveWrites)

/** `point` in [0, 1) decides; undefined when there is nothing to choose from. */
export function weightedChoice<T>(items: readonly T[], weightOf: (item: T) => number, point: number): T | undefined {
  let rest = point * items.reduce((sum, item) => sum + weightOf(item), 0)
  for (const item of items) {
    rest -= weightOf(item)
    if (rest < 0) return item
  }
  return items.at(-1)
}
