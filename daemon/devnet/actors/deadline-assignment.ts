import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { DeadlineConstants } from '../../../rpc-schema/wire/deadline.js'
import { POLICY } from '../chain/policy.js'
import type { MinerRecord } from '../state/records.js'
import { miners, partitions, sectors } from '../state/records.js'
import type { StateDraft, StateView } from '../state/state-tree.js'
import { illegalState } from '../vm/abort.js'
import { EMPTY_PARTITION, withSectors } from './partition.js'
import { endOfLife, isMutable } from './proving-period.js'
import { deadlineOf, putPartition } from './proving-set.js'

interface Candidate {
  readonly index: number
  live: number
  total: number
}

/**
 * The actor's order of preference: the least partitions once the ended sectors are compacted away; then the least as they are; then filling
 * an open partition, the fullest first; then the least live sectors; then the lowest index.
 */
function prefer(a: Candidate, b: Candidate, partitionSize: number): number {
  const partitionsFor = (sectors: number): number => Math.ceil((sectors + 1) / partitionSize)
  const full = ({ total }: Candidate): boolean => total % partitionSize === 0
  return (
    partitionsFor(a.live) - partitionsFor(b.live) ||
    partitionsFor(a.total) - partitionsFor(b.total) ||
    Number(full(a)) - Number(full(b)) ||
    (!full(a) && !full(b) ? b.total - a.total : 0) ||
    a.live - b.live ||
    a.index - b.index
  )
}

/** Which deadline each new sector goes to. Those that are open or about to open take none. */
export function chooseDeadlines(
  view: StateView,
  id: number,
  miner: MinerRecord,
  { epoch, deadlines: constants }: { epoch: number; deadlines: DeadlineConstants },
  numbers: readonly number[],
): Map<number, number[]> {
  const size = miner.partitionSectors
  const candidates: Candidate[] = []
  for (let index = 0; index < constants.WPoStPeriodDeadlines; index++) {
    if (!isMutable(miner, index, epoch, constants)) continue
    const { live, total } = deadlineOf(view, id, index)
    candidates.push({ index, live, total })
  }
  const chosen = new Map<number, number[]>()
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const best = candidates.reduce((best, candidate) => (prefer(candidate, best, size) < 0 ? candidate : best))
    if (best.total >= size * POLICY.maxPartitionsPerDeadline) {
      throw illegalState(`max partitions limit ${POLICY.maxPartitionsPerDeadline} reached for all deadlines`)
    }
    chosen.set(best.index, [...(chosen.get(best.index) ?? []), number])
    best.live += 1
    best.total += 1
  }
  return chosen
}

/**
 * Puts sectors into a deadline: into its last partition while there is room, then into new ones. Their records must be there; the place in
 * them is set here.
 */
export function addToDeadline(
  draft: StateDraft,
  id: number,
  constants: DeadlineConstants,
  index: number,
  numbers: readonly number[],
  proven: boolean,
): void {
  const miner = miners.get(draft, id)!
  let partition = Math.max(0, deadlineOf(draft, id, index).partitions - 1)
  for (let next = 0; next < numbers.length; partition++) {
    const present = partitions.get(draft, id, index, partition) ?? EMPTY_PARTITION
    const group = numbers.slice(next, next + miner.partitionSectors - present.sectors.count)
    next += group.length
    if (group.length === 0) continue
    for (const number of group) {
      sectors.put(draft, { ...sectors.get(draft, id, number)!, deadline: index, partition }, id, number)
    }
    const endOf = (number: number): number => endOfLife(miner, sectors.get(draft, id, number)!, constants)
    putPartition(draft, id, index, partition, withSectors(present, Bitfield.of(group), proven, endOf))
  }
}
