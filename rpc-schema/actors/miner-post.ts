import { PoStProofCbor } from '../wire/block-header.js'
import { array, bitfield, bytes, type CborValue, int, tuple, uint } from '../wire/cbor.js'

export const PoStPartition = tuple({
  Index: uint,
  /** Sectors that the proof leaves out; they become faulty. */
  Skipped: bitfield,
})
export type PoStPartition = CborValue<typeof PoStPartition>

/** Method 5. */
export const SubmitWindowedPoStParams = tuple({
  Deadline: uint,
  Partitions: array(PoStPartition),
  Proofs: array(PoStProofCbor),
  /** Epoch and chain randomness that tie the message to this fork. */
  ChainCommitEpoch: int,
  ChainCommitRand: bytes,
})
export type SubmitWindowedPoStParams = CborValue<typeof SubmitWindowedPoStParams>

/** Method 24. */
export const DisputeWindowedPoStParams = tuple({ Deadline: uint, PoStIndex: uint })
export type DisputeWindowedPoStParams = CborValue<typeof DisputeWindowedPoStParams>

/** Sectors of one partition. */
export const SectorsOfPartition = tuple({ Deadline: uint, Partition: uint, Sectors: bitfield })
export type SectorsOfPartition = CborValue<typeof SectorsOfPartition>

/** Method 10. */
export const DeclareFaultsParams = tuple({ Faults: array(SectorsOfPartition) })
export type DeclareFaultsParams = CborValue<typeof DeclareFaultsParams>

/** Method 11. */
export const DeclareFaultsRecoveredParams = tuple({ Recoveries: array(SectorsOfPartition) })
export type DeclareFaultsRecoveredParams = CborValue<typeof DeclareFaultsRecoveredParams>
