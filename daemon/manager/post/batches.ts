import type { Logger } from '../../kit/log.js'

/** Partitions that go into one message: as set, and not more than the network takes. 0 is as many as it takes. */
export function partitionsPerMessage(setting: number, cap: number): number {
  return setting > 0 ? Math.min(setting, cap) : cap
}

/** Tells of a setting that has no effect. */
export function warnOfLargeSetting(miner: number, setting: number, cap: number, log: Logger): void {
  if (setting > cap)
    log.warn(
      { miner },
      `PoSt.MaxPartitionsPerPoStMessage is ${setting}, but the network takes ${cap} partitions in one message: ${cap} are sent`,
    )
}

/** Consecutive groups of at most so many; what is in `alone` goes by itself. */
export function batches(
  partitions: readonly number[],
  perMessage: number,
  alone: ReadonlySet<number> = new Set(),
): number[][] {
  const found: number[][] = []
  let room = 0
  for (const partition of partitions) {
    if (alone.has(partition)) {
      found.push([partition])
      room = 0
      continue
    }
    if (room === 0) {
      found.push([])
      room = perMessage
    }
    found.at(-1)!.push(partition)
    room -= 1
  }
  return found
}
