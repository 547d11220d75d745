import { array, bool, bytes, type CborValue, cid, int, nullable, tuple, uint } from '../wire/cbor.js'
import { PieceActivationManifest } from './miner-pieces.js'

export const ReplicaUpdate = tuple({
  SectorID: uint,
  Deadline: uint,
  Partition: uint,
  NewSealedSectorCID: cid,
  Deals: array(uint),
  UpdateProofType: int,
  ReplicaProof: bytes,
})
export type ReplicaUpdate = CborValue<typeof ReplicaUpdate>

/** Method 27. Returns the bitfield of updated sectors. */
export const ProveReplicaUpdatesParams = tuple({ Updates: array(ReplicaUpdate) })
export type ProveReplicaUpdatesParams = CborValue<typeof ProveReplicaUpdatesParams>

export const SectorUpdateManifest = tuple({
  Sector: uint,
  Deadline: uint,
  Partition: uint,
  NewSealedCID: cid,
  Pieces: array(PieceActivationManifest),
})
export type SectorUpdateManifest = CborValue<typeof SectorUpdateManifest>

/** Method 35. Returns a BatchReturn. */
export const ProveReplicaUpdates3Params = tuple({
  SectorUpdates: array(SectorUpdateManifest),
  SectorProofs: array(bytes),
  AggregateProof: bytes,
  UpdateProofsType: int,
  AggregateProofType: nullable(int),
  RequireActivationSuccess: bool,
  RequireNotificationSuccess: bool,
})
export type ProveReplicaUpdates3Params = CborValue<typeof ProveReplicaUpdates3Params>
