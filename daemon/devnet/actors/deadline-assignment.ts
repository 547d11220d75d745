import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { newDeadlineInfo, nextNotElapsed } from '../../../rpc-schema/wire/deadline.js'
import { POLICY } from '../chain/policy.js'
import type { MinerRecord, PartitionRecord } from '../state/records.js'
import { illegalState } from '../vm/abort.js'

/** Start of the proving period that this epoch lies in. */
export function periodStart(miner: Pick<MinerRecord, 'periodOffset'>, epoch: number): number {
  const { WPoStProvingPeriod: period } = POLICY.deadlines
  const progress = (((epoch - miner.periodOffset) % period) + period) % period
  return epoch - progress
}

/** New sectors do not go to a deadline that opens within a challenge window, or is open. */
function isMutable(start: number, index: number, epoch: number): boolean {
  const next = nextNotElapsed(newDeadlineInfo(start, index, epoch, POLICY.deadlines))
  return epoch < next.Open - POLICY.deadlines.WPoStChallengeWindow
}

interface Candidate {
  readonly index: number
  total: number
}

/**
 * The actor's order of preference: the least partitions after the assignment; then filling an open partition, the fullest first; then
 * the least sectors; then the lowest index. (All sectors are live here, so partitions before and after compaction are the same.)
 */
function prefer(a: Candidate, b: Candidate, partitionSize: number): number {
  const partitions = (candidate: Candidate): number => Math.ceil((candidate.total + 1) / partitionSize)
  const full = (candidate: Candidate): boolean => candidate.total % partitionSize === 0
  return (
    partitions(a) - partitions(b) ||
    Number(full(a)) - Number(full(b)) ||
    (!full(a) && !full(b) ? b.total - a.total : 0) ||
    a.total - b.total ||
    a.index - b.index
  )
}

export interface Assignment {
  readonly deadlines: MinerRecord['deadlines']
  /** Deadline and partition of each new sector. */
  readonly places: ReadonlyMap<number, { deadline: number; partition: number }>
}

/** Gives new sectors their deadlines and partitions. */
export function assignToDeadlines(miner: MinerRecord, epoch: number, numbers: readonly number[]): Assignment {
  const size = miner.partitionSectors
  const start = periodStart(miner, epoch)
  const candidates: Candidate[] = miner.deadlines
    .map((partitions, index) => ({ index, total: partitions.reduce((sum, { sectors }) => sum + sectors.count, 0) }))
    .filter(({ index }) => isMutable(start, index, epoch))
  const deadlines = [...miner.deadlines]
  const places = new Map<number, { deadline: number; partition: number }>()
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const chosen = candidates.reduce((best, candidate) => (prefer(candidate, best, size) < 0 ? candidate : best))
    if (chosen.total >= size * POLICY.maxPartitionsPerDeadline) {
      throw illegalState(`max partitions limit ${POLICY.maxPartitionsPerDeadline} reached for all deadlines`)
    }
    const partition = Math.floor(chosen.total / size)
    deadlines[chosen.index] = withSector(deadlines[chosen.index]!, partition, number)
    places.set(number, { deadline: chosen.index, partition })
    chosen.total += 1
  }
  return { deadlines, places }
}

function withSector(partitions: readonly PartitionRecord[], index: number, number: number): PartitionRecord[] {
  const next = [...partitions]
  next[index] = { sectors: (next[index]?.sectors ?? Bitfield.EMPTY).union(Bitfield.of([number])) }
  return next
}
