import { address, array, bigInt, bitfield, bool, type CborValue, cid, int, text, tuple, uint } from '../wire/cbor.js'
import { SignatureCbor } from '../wire/signature.js'

// Methods of the storage market actor (f05).

/** A deal as its client proposes and signs it. Labels are text here; the chain would also take bytes, which no JSON holds. */
export const DealProposal = tuple({
  PieceCID: cid,
  /** Padded bytes. */
  PieceSize: uint,
  VerifiedDeal: bool,
  Client: address,
  Provider: address,
  Label: text,
  /** By this epoch the piece must be in a proven sector. */
  StartEpoch: int,
  EndEpoch: int,
  /** attoFIL. */
  StoragePricePerEpoch: bigInt,
  ProviderCollateral: bigInt,
  ClientCollateral: bigInt,
})
export type DealProposal = CborValue<typeof DealProposal>

/** The client signs the CBOR of the proposal. */
export const ClientDealProposal = tuple({ Proposal: DealProposal, ClientSignature: SignatureCbor })
export type ClientDealProposal = CborValue<typeof ClientDealProposal>

/** Method 4. */
export const PublishStorageDealsParams = tuple({ Deals: array(ClientDealProposal) })
export type PublishStorageDealsParams = CborValue<typeof PublishStorageDealsParams>

/** Ids of the deals that were taken, and which of the parameters' deals they are. */
export const PublishStorageDealsReturn = tuple({ IDs: array(uint), ValidDeals: bitfield })
export type PublishStorageDealsReturn = CborValue<typeof PublishStorageDealsReturn>

/** Method 3; it returns the amount that went. */
export const MarketWithdrawBalanceParams = tuple({ ProviderOrClientAddress: address, Amount: bigInt })
export type MarketWithdrawBalanceParams = CborValue<typeof MarketWithdrawBalanceParams>
