import { address, array, bytes, type CborValue, cid, nullable, tuple, uint } from '../wire/cbor.js'

/** A verified allocation: the client's actor id and the allocation's number. */
export const VerifiedAllocationKey = tuple({ Client: uint, ID: uint })
export type VerifiedAllocationKey = CborValue<typeof VerifiedAllocationKey>

/** Whom to tell of the activation, and what: for the market actor (f05) the CBOR of the deal id. */
export const DataActivationNotification = tuple({ Address: address, Payload: bytes })
export type DataActivationNotification = CborValue<typeof DataActivationNotification>

export const PieceActivationManifest = tuple({
  CID: cid,
  /** Padded bytes. */
  Size: uint,
  VerifiedAllocationKey: nullable(VerifiedAllocationKey),
  Notify: array(DataActivationNotification),
})
export type PieceActivationManifest = CborValue<typeof PieceActivationManifest>
