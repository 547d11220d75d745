import { CompactPartitionsParams, CompactSectorNumbersParams } from '../../../rpc-schema/actors/miner-sectors.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { disputeWindow } from '../chain/policy.js'
import { miners, type PartitionRecord, partitions, sectors } from '../state/records.js'
import type { StateDraft } from '../state/state-tree.js'
import { decodeParams, forbidden, illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { checkDeadline } from './addressed-partitions.js'
import { addToDeadline } from './deadline-assignment.js'
import { EMPTY_PARTITION, liveSectors } from './partition.js'
import { checkCaller } from './precommit.js'
import { isMutable, nextWindow } from './proving-period.js'
import { partitionsOf, putDeadline, putPartition } from './proving-set.js'

const NOTHING = new Uint8Array()
/** The largest number that a sector can have. */
const MAX_SECTOR_NUMBER = Number.MAX_SAFE_INTEGER - 1

/** Method 19: forgets the ended sectors of partitions, and moves the others closer together. */
export function compactPartitions(machine: Machine, call: Call): Uint8Array {
  const { Deadline, Partitions } = decodeParams(CompactPartitionsParams, call.params)
  const { draft, to, from } = call
  const { epoch, deadlines } = machine
  checkDeadline(deadlines, Deadline)
  const miner = miners.get(draft, to)!
  checkCaller(miner, from)
  const lastClose = nextWindow(miner, Deadline, epoch, deadlines).Close - deadlines.WPoStProvingPeriod
  if (!isMutable(miner, Deadline, epoch, deadlines) || epoch < lastClose + disputeWindow(deadlines)) {
    throw forbidden(
      `cannot compact deadline ${Deadline} during its challenge window, or the prior challenge window, or before ${disputeWindow(deadlines)} epochs have passed since its last challenge window ended`,
    )
  }
  const all = [...partitionsOf(draft, to, Deadline)]
  if ((Partitions.last ?? -1) >= all.length) {
    throw illegalArgument(`partition index ${Partitions.last} out of bounds: deadline ${Deadline} has ${all.length}`)
  }
  const removed = all.filter(([index]) => Partitions.has(index))
  for (const [index, { faulty, unproven }] of removed) {
    if (!faulty.isEmpty) throw illegalArgument(`cannot remove partition ${index}: has faults`)
    if (!unproven.isEmpty) throw illegalArgument(`cannot remove partition ${index}: has unproven sectors`)
  }
  for (const [index] of removed) putPartition(draft, to, Deadline, index, EMPTY_PARTITION)
  closeUp(draft, to, Deadline, all, Partitions)
  const dead = removed.reduce((sum, [, { terminated }]) => sum.union(terminated), Bitfield.EMPTY)
  for (const number of dead) sectors.delete(draft, to, number)
  const record = miners.get(draft, to)!
  miners.put(draft, { ...record, sectors: record.sectors.subtract(dead) }, to)
  const living = removed.reduce((sum, [, partition]) => sum.union(liveSectors(partition)), Bitfield.EMPTY)
  addToDeadline(draft, to, deadlines, Deadline, living.toArray(), true)
  return NOTHING
}

/** Gives the partitions that stay the lowest indices, in their order. */
function closeUp(
  draft: StateDraft,
  id: number,
  deadline: number,
  all: readonly (readonly [index: number, partition: PartitionRecord])[],
  removed: Bitfield,
): void {
  const kept = all.filter(([index]) => !removed.has(index))
  for (const [at, [index, partition]] of kept.entries()) {
    if (at === index) continue
    partitions.put(draft, partition, id, deadline, at)
    for (const number of partition.sectors) {
      sectors.put(draft, { ...sectors.get(draft, id, number)!, partition: at }, id, number)
    }
  }
  for (let index = kept.length; index < all.length; index++) partitions.delete(draft, id, deadline, index)
  putDeadline(draft, id, deadline, { partitions: kept.length })
}

/** Method 20: numbers that will never be used. */
export function compactSectorNumbers({ draft, to, from, params }: Call): Uint8Array {
  const { MaskSectorNumbers } = decodeParams(CompactSectorNumbersParams, params)
  const { last } = MaskSectorNumbers
  if (last === undefined || last > MAX_SECTOR_NUMBER) throw illegalArgument('invalid mask bitfield')
  const miner = miners.get(draft, to)!
  checkCaller(miner, from)
  miners.put(draft, { ...miner, allocated: miner.allocated.union(MaskSectorNumbers) }, to)
  return NOTHING
}
