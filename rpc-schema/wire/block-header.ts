import type { CID } from 'multiformats/cid'
import type { z } from 'zod'
import { address, array, bigInt, bytes, cid, int, nullable, tuple, uint } from './cbor.js'
import { chainCid } from './cid.js'
import { SignatureCbor } from './signature.js'

/** A drand entry. */
export const BeaconEntryCbor = tuple({ Round: uint, Data: bytes })
export const BeaconEntry = BeaconEntryCbor.json
export type BeaconEntry = z.output<typeof BeaconEntry>

/** A proof of spacetime with its type's number. */
export const PoStProofCbor = tuple({ PoStProof: int, ProofBytes: bytes })
export const PoStProof = PoStProofCbor.json
export type PoStProof = z.output<typeof PoStProof>

export const TicketCbor = tuple({ VRFProof: bytes })
export const ElectionProofCbor = tuple({ WinCount: int, VRFProof: bytes })

/** The header of a block: 16 fields. */
export const BlockHeaderCbor = tuple({
  Miner: address,
  Ticket: nullable(TicketCbor),
  ElectionProof: nullable(ElectionProofCbor),
  BeaconEntries: array(BeaconEntryCbor),
  WinPoStProof: array(PoStProofCbor),
  Parents: array(cid),
  ParentWeight: bigInt,
  Height: int,
  ParentStateRoot: cid,
  ParentMessageReceipts: cid,
  Messages: cid,
  BLSAggregate: nullable(SignatureCbor),
  Timestamp: uint,
  BlockSig: nullable(SignatureCbor),
  ForkSignaling: uint,
  ParentBaseFee: bigInt,
})

/** Lotus's JSON of a block header. */
export const BlockHeader = BlockHeaderCbor.json
export type BlockHeader = z.output<typeof BlockHeader>

/** CID by which tipset keys name the block. */
export const blockCid = (header: BlockHeader): CID => chainCid(BlockHeaderCbor.encode(header))
