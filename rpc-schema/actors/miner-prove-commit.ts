import { array, bitfield, bool, bytes, type CborValue, cid, int, nullable, tuple, uint } from '../wire/cbor.js'
import { PieceActivationManifest } from './miner-pieces.js'

/** Method 26: many sectors, one aggregated proof. */
export const ProveCommitAggregateParams = tuple({ SectorNumbers: bitfield, AggregateProof: bytes })
export type ProveCommitAggregateParams = CborValue<typeof ProveCommitAggregateParams>

export const SectorActivationManifest = tuple({ SectorNumber: uint, Pieces: array(PieceActivationManifest) })
export type SectorActivationManifest = CborValue<typeof SectorActivationManifest>

/** Method 34. Either one proof a sector, or an aggregate with its type. Returns a BatchReturn. */
export const ProveCommitSectors3Params = tuple({
  SectorActivations: array(SectorActivationManifest),
  SectorProofs: array(bytes),
  AggregateProof: bytes,
  AggregateProofType: nullable(int),
  /** Fail the whole message when one sector cannot be activated. */
  RequireActivationSuccess: bool,
  /** Fail a sector when a receiver of its notifications refuses. */
  RequireNotificationSuccess: bool,
})
export type ProveCommitSectors3Params = CborValue<typeof ProveCommitSectors3Params>

export const SectorNIActivationInfo = tuple({
  /** Sector number that the replica was sealed under. */
  SealingNumber: uint,
  /** Actor id of the miner that it was sealed for. */
  SealerID: uint,
  SealedCID: cid,
  SectorNumber: uint,
  SealRandEpoch: int,
  Expiration: int,
})
export type SectorNIActivationInfo = CborValue<typeof SectorNIActivationInfo>

/** Method 36: non-interactive sectors, neither pre-committed nor with data. Returns a BatchReturn. */
export const ProveCommitSectorsNIParams = tuple({
  Sectors: array(SectorNIActivationInfo),
  AggregateProof: bytes,
  SealProofType: int,
  AggregateProofType: int,
  /** Deadline that all of them go to. */
  ProvingDeadline: uint,
  RequireActivationSuccess: bool,
})
export type ProveCommitSectorsNIParams = CborValue<typeof ProveCommitSectorsNIParams>
