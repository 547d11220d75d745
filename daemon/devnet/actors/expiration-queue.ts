import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { ExpirationSet, PartitionRecord } from '../state/records.js'

type Queue = PartitionRecord['expirations']

const NONE = { onTime: Bitfield.EMPTY, early: Bitfield.EMPTY }

/** The queue with this set in it, or without it when it is empty. */
function withSet(queue: Queue, set: ExpirationSet): Queue {
  const others = queue.filter(({ epoch }) => epoch !== set.epoch)
  if (set.onTime.isEmpty && set.early.isEmpty) return others
  const at = others.findIndex(({ epoch }) => epoch > set.epoch)
  return at < 0 ? [...others, set] : [...others.slice(0, at), set, ...others.slice(at)]
}

const setAt = (queue: Queue, epoch: number): ExpirationSet =>
  queue.find(set => set.epoch === epoch) ?? { epoch, ...NONE }

/** Lets sectors end in this epoch, at their time. */
export function addOnTime(queue: Queue, epoch: number, sectors: Bitfield): Queue {
  const set = setAt(queue, epoch)
  return withSet(queue, { ...set, onTime: set.onTime.union(sectors) })
}

/** Each sector on its own day. */
export function addAllOnTime(queue: Queue, sectors: Bitfield, epochOf: (number: number) => number): Queue {
  const byEpoch = new Map<number, number[]>()
  for (const number of sectors) {
    const epoch = epochOf(number)
    const group = byEpoch.get(epoch)
    if (group === undefined) byEpoch.set(epoch, [number])
    else group.push(number)
  }
  for (const [epoch, numbers] of byEpoch) queue = addOnTime(queue, epoch, Bitfield.of(numbers))
  return queue
}

export function remove(queue: Queue, sectors: Bitfield): Queue {
  return queue.flatMap(({ epoch, onTime, early }) => {
    const left = { epoch, onTime: onTime.subtract(sectors), early: early.subtract(sectors) }
    return left.onTime.isEmpty && left.early.isEmpty ? [] : [left]
  })
}

/** Sectors that became faulty end in the epoch in which they have been so for too long, unless their time is up before. */
export function endEarly(queue: Queue, epoch: number, faulty: Bitfield): Queue {
  const moved = queue
    .filter(set => set.epoch > epoch)
    .reduce((all, { onTime }) => all.union(onTime.intersect(faulty)), Bitfield.EMPTY)
  if (moved.isEmpty) return queue
  const rest = remove(queue, moved)
  const set = setAt(rest, epoch)
  return withSet(rest, { ...set, early: set.early.union(moved) })
}

/** Sectors that are proven again end at their time. */
export function endOnTime(queue: Queue, recovered: Bitfield, epochOf: (number: number) => number): Queue {
  const moved = queue.reduce((all, { early }) => all.union(early.intersect(recovered)), Bitfield.EMPTY)
  return moved.isEmpty ? queue : addAllOnTime(remove(queue, moved), moved, epochOf)
}

export interface Expired {
  readonly onTime: Bitfield
  readonly early: Bitfield
  readonly rest: Queue
}

/** What ends up to and with this epoch. */
export function popExpired(queue: Queue, until: number): Expired {
  const due = queue.filter(({ epoch }) => epoch <= until)
  return {
    onTime: due.reduce((all, { onTime }) => all.union(onTime), Bitfield.EMPTY),
    early: due.reduce((all, { early }) => all.union(early), Bitfield.EMPTY),
    rest: queue.slice(due.length),
  }
}
