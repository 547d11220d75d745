import { type SealingLine, simulate } from '../sealcalc/model.js'

const DAY = 24 * 60
/** Until then the line fills. */
const WARM_UP_DAYS = 10
const LAST_DAY = 40

/** Sectors a day that a line of sealing threads finishes when it has filled. */
export function sectorsPerDay(line: SealingLine): number {
  let first: number | undefined
  let last = 0
  for (const { minute, finished } of simulate(line, LAST_DAY + 1, DAY)) {
    if (minute === WARM_UP_DAYS * DAY) first = finished
    last = finished
  }
  return (last - first!) / (LAST_DAY - WARM_UP_DAYS)
}

export interface StageLoad {
  readonly stage: 'tree_d' | 'pc1' | 'pc2' | 'c2' | 'threads'
  readonly concurrent: number
  readonly minutes: number
  /** Sectors a day were it the only one. */
  readonly perDay: number
}

/** What each stage could do by itself; the least sets the pace. A thread is taken from tree D until C2 ends. */
export function stageLoads(line: SealingLine): StageLoad[] {
  const { treeD, pc1, pc2, c2, seedMinutes, sealingThreads } = line
  const cycle = treeD.minutes + pc1.minutes + pc2.minutes + seedMinutes + c2.minutes
  const load = (stage: StageLoad['stage'], concurrent: number, minutes: number): StageLoad => ({
    stage,
    concurrent,
    minutes,
    perDay: (concurrent * DAY) / minutes,
  })
  return [
    load('tree_d', treeD.concurrent, treeD.minutes),
    load('pc1', pc1.concurrent, pc1.minutes),
    load('pc2', pc2.concurrent, pc2.minutes),
    load('c2', c2.concurrent, c2.minutes),
    load('threads', sealingThreads, cycle),
  ]
}
