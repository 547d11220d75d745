import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { PartitionRecord } from '../state/records.js'
import { addAllOnTime, endEarly, endOnTime, remove } from './expiration-queue.js'

export const EMPTY_PARTITION: PartitionRecord = {
  sectors: Bitfield.EMPTY,
  unproven: Bitfield.EMPTY,
  faulty: Bitfield.EMPTY,
  recovering: Bitfield.EMPTY,
  terminated: Bitfield.EMPTY,
  expirations: [],
}

/** Sectors that have not ended. */
export const liveSectors = ({ sectors, terminated }: PartitionRecord): Bitfield => sectors.subtract(terminated)

/** Sectors with power. */
export const activeSectors = (partition: PartitionRecord): Bitfield =>
  liveSectors(partition).subtract(partition.faulty).subtract(partition.unproven)

/** Takes new sectors in. */
export const withSectors = (
  partition: PartitionRecord,
  added: Bitfield,
  proven: boolean,
  endOf: (number: number) => number,
): PartitionRecord => ({
  ...partition,
  sectors: partition.sectors.union(added),
  unproven: proven ? partition.unproven : partition.unproven.union(added),
  expirations: addAllOnTime(partition.expirations, added, endOf),
})

/**
 * Sectors that are said, or found, to be faulty. Recoveries of them are taken back; what has ended or is faulty already stays as it is.
 * @param endsAt epoch in which the new faults have been faulty for too long
 */
export function withFaults(partition: PartitionRecord, declared: Bitfield, endsAt: number): PartitionRecord {
  const fresh = declared.intersect(liveSectors(partition)).subtract(partition.faulty)
  return {
    ...partition,
    unproven: partition.unproven.subtract(fresh),
    faulty: partition.faulty.union(fresh),
    recovering: partition.recovering.subtract(declared),
    expirations: endEarly(partition.expirations, endsAt, fresh),
  }
}

/** Faulty sectors that will be proven again; others are left alone. */
export const withRecoveries = (partition: PartitionRecord, declared: Bitfield): PartitionRecord => ({
  ...partition,
  recovering: partition.recovering.union(declared.intersect(partition.faulty)),
})

/** After a proof: what was recovering is well again, what was unproven has power. */
export const proven = (partition: PartitionRecord, endOf: (number: number) => number): PartitionRecord => ({
  ...partition,
  unproven: Bitfield.EMPTY,
  faulty: partition.faulty.subtract(partition.recovering),
  recovering: Bitfield.EMPTY,
  expirations: endOnTime(partition.expirations, partition.recovering, endOf),
})

/** A window went by without a proof: every live sector is faulty. */
export const withMissedProof = (partition: PartitionRecord, endsAt: number): PartitionRecord =>
  withFaults(partition, liveSectors(partition), endsAt)

/** Ends sectors, which must be live. */
export const withTerminated = (partition: PartitionRecord, ended: Bitfield): PartitionRecord => ({
  ...partition,
  unproven: partition.unproven.subtract(ended),
  faulty: partition.faulty.subtract(ended),
  recovering: partition.recovering.subtract(ended),
  terminated: partition.terminated.union(ended),
  expirations: remove(partition.expirations, ended),
})
