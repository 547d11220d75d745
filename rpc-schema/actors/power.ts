import { address, array, bytes, type CborValue, int, tuple } from '../wire/cbor.js'

/** Method 2 of the power actor (f04). */
export const CreateMinerParams = tuple({
  Owner: address,
  Worker: address,
  WindowPoStProofType: int,
  Peer: bytes,
  /** Binary multiaddrs. */
  Multiaddrs: array(bytes),
})
export type CreateMinerParams = CborValue<typeof CreateMinerParams>

/** The miner's ID address and the one that survives reorgs. */
export const CreateMinerReturn = tuple({ IDAddress: address, RobustAddress: address })
export type CreateMinerReturn = CborValue<typeof CreateMinerReturn>
