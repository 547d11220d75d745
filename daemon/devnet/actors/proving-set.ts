import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { DeadlineConstants } from '../../../rpc-schema/wire/deadline.js'
import {
  type DeadlineRecord,
  deadlines,
  miners,
  type PartitionRecord,
  type PowerRecord,
  partitions,
  powers,
  type SectorRecord,
  sectors,
} from '../state/records.js'
import type { StateDraft, StateView } from '../state/state-tree.js'
import { qualityAdjustedPower } from './economics.js'
import { addOnTime, remove } from './expiration-queue.js'
import { activeSectors, EMPTY_PARTITION, liveSectors } from './partition.js'
import { endOfLife } from './proving-period.js'

const EMPTY_DEADLINE: DeadlineRecord = { partitions: 0, total: 0, live: 0, posted: Bitfield.EMPTY, dailyFee: 0n }
const NO_POWER: PowerRecord = { raw: 0n, qualityAdjusted: 0n }

export const deadlineOf = (view: StateView, miner: number, index: number): DeadlineRecord =>
  deadlines.get(view, miner, index) ?? EMPTY_DEADLINE

export const powerOf = (view: StateView, miner: number): PowerRecord => powers.get(view, miner) ?? NO_POWER

export function* partitionsOf(
  view: StateView,
  miner: number,
  deadline: number,
): Generator<[index: number, partition: PartitionRecord], void, undefined> {
  const { partitions: count } = deadlineOf(view, miner, deadline)
  for (let index = 0; index < count; index++) yield [index, partitions.get(view, miner, deadline, index)!]
}

/** Every partition of a miner, by deadline and index. */
export function* allPartitions(
  view: StateView,
  miner: number,
  constants: DeadlineConstants,
): Generator<PartitionRecord, void, undefined> {
  for (let deadline = 0; deadline < constants.WPoStPeriodDeadlines; deadline++)
    for (const [, partition] of partitionsOf(view, miner, deadline)) yield partition
}

/** Quality-adjusted bytes of a sector. */
export function powerOfSector(sectorSize: number, sector: SectorRecord): bigint {
  const duration = BigInt(sector.expiration - sector.powerBaseEpoch)
  return qualityAdjustedPower(sectorSize, Number(sector.verifiedDealWeight / duration))
}

/** Epoch in which a sector of this miner ends. */
export function endOfSector(view: StateView, miner: number, constants: DeadlineConstants): (number: number) => number {
  const record = miners.get(view, miner)!
  return number => endOfLife(record, sectors.get(view, miner, number)!, constants)
}

/**
 * Writes a partition, and all that follows from it: the sums of its deadline, and the miner's power. The records of its sectors must be
 * there, with the power that they have before and after.
 */
export function putPartition(
  draft: StateDraft,
  miner: number,
  deadline: number,
  index: number,
  next: PartitionRecord,
): void {
  const before = partitions.get(draft, miner, deadline, index) ?? EMPTY_PARTITION
  partitions.put(draft, next, miner, deadline, index)
  const { sectorSize } = miners.get(draft, miner)!
  const sum = (numbers: Bitfield, amount: (sector: SectorRecord) => bigint): bigint => {
    let total = 0n
    for (const number of numbers) total += amount(sectors.get(draft, miner, number)!)
    return total
  }
  const change = (from: Bitfield, to: Bitfield, amount: (sector: SectorRecord) => bigint): bigint =>
    sum(to.subtract(from), amount) - sum(from.subtract(to), amount)

  const [liveBefore, liveAfter] = [liveSectors(before), liveSectors(next)]
  const record = deadlineOf(draft, miner, deadline)
  deadlines.put(
    draft,
    {
      ...record,
      partitions: Math.max(record.partitions, index + 1),
      total: record.total + next.sectors.count - before.sectors.count,
      live: record.live + liveAfter.count - liveBefore.count,
      dailyFee: record.dailyFee + change(liveBefore, liveAfter, sector => sector.dailyFee),
    },
    miner,
    deadline,
  )
  const [activeBefore, activeAfter] = [activeSectors(before), activeSectors(next)]
  addPower(
    draft,
    miner,
    BigInt(sectorSize) * BigInt(activeAfter.count - activeBefore.count),
    change(activeBefore, activeAfter, sector => powerOfSector(sectorSize, sector)),
  )
}

export function addPower(draft: StateDraft, miner: number, raw: bigint, qualityAdjusted: bigint): void {
  if (raw === 0n && qualityAdjusted === 0n) return
  const power = powerOf(draft, miner)
  powers.put(draft, { raw: power.raw + raw, qualityAdjusted: power.qualityAdjusted + qualityAdjusted }, miner)
}

export function putDeadline(draft: StateDraft, miner: number, index: number, changes: Partial<DeadlineRecord>): void {
  deadlines.put(draft, { ...deadlineOf(draft, miner, index), ...changes }, miner, index)
}

/** Gives a live sector another record: its data or its end have changed. Power, fees, pledge and the day it ends follow. */
export function replaceSector(draft: StateDraft, id: number, constants: DeadlineConstants, next: SectorRecord): void {
  const { number, deadline, partition: index } = next
  const before = sectors.get(draft, id, number)!
  const miner = miners.get(draft, id)!
  const partition = partitions.get(draft, id, deadline, index)!
  sectors.put(draft, next, id, number)
  miners.put(draft, { ...miner, initialPledge: miner.initialPledge + next.initialPledge - before.initialPledge }, id)
  const { dailyFee } = deadlineOf(draft, id, deadline)
  putDeadline(draft, id, deadline, { dailyFee: dailyFee + next.dailyFee - before.dailyFee })
  if (activeSectors(partition).has(number)) {
    addPower(draft, id, 0n, powerOfSector(miner.sectorSize, next) - powerOfSector(miner.sectorSize, before))
  }
  if (next.expiration === before.expiration) return
  const only = Bitfield.of([number])
  const expirations = addOnTime(remove(partition.expirations, only), endOfLife(miner, next, constants), only)
  partitions.put(draft, { ...partition, expirations }, id, deadline, index)
}
