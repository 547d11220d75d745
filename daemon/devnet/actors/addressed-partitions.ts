import type { SectorsOfPartition } from '../../../rpc-schema/actors/miner-post.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { POLICY } from '../chain/policy.js'
import { type PartitionRecord, partitions } from '../state/records.js'
import { illegalArgument, notFound } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'

export interface AddressedPartition {
  readonly deadline: number
  readonly index: number
  readonly sectors: Bitfield
}

/** Which sectors of which partitions a message speaks of, several declarations of one partition made one; in order. */
export function addressedPartitions(
  { deadlines }: Pick<Machine, 'deadlines'>,
  declarations: readonly Pick<SectorsOfPartition, 'Deadline' | 'Partition' | 'Sectors'>[],
): AddressedPartition[] {
  if (declarations.length > POLICY.maxDeclarations) {
    throw illegalArgument(`too many declarations ${declarations.length} > ${POLICY.maxDeclarations}`)
  }
  const found = new Map<string, AddressedPartition>()
  for (const { Deadline: deadline, Partition: index, Sectors } of declarations) {
    checkDeadline(deadlines, deadline)
    const key = `${deadline}/${index}`
    const sectors = (found.get(key)?.sectors ?? Bitfield.EMPTY).union(Sectors)
    found.set(key, { deadline, index, sectors })
  }
  const all = [...found.values()].sort((a, b) => a.deadline - b.deadline || a.index - b.index)
  const count = all.reduce((sum, { sectors }) => sum + sectors.count, 0)
  if (count > POLICY.maxAddressedSectors) {
    throw illegalArgument(`too many sectors ${count}, max ${POLICY.maxAddressedSectors}`)
  }
  return all
}

export function checkDeadline({ WPoStPeriodDeadlines: count }: Machine['deadlines'], deadline: number): void {
  if (deadline >= count) throw illegalArgument(`invalid deadline ${deadline} of ${count}`)
}

/** A partition that a message names. */
export function loadPartition({ draft, to }: Call, deadline: number, index: number): PartitionRecord {
  const found = partitions.get(draft, to, deadline, index)
  if (found === undefined) throw notFound(`no such partition ${index} in deadline ${deadline}`)
  return found
}
