import type { CID } from 'multiformats/cid'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import {
  DealProposal,
  PublishStorageDealsParams,
  PublishStorageDealsReturn,
} from '../../../rpc-schema/actors/market.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { address } from '../../../rpc-schema/wire/cbor.js'
import type { Chain } from '../chain/chain.js'
import { heightOf } from '../chain/tipset.js'
import { marketBalances } from '../state/market.js'
import { actors, miners, resolveId, SINGLETONS } from '../state/records.js'
import type { Wallet } from '../wallet/wallet.js'
import type { BuiltInDeal } from './deal-repository.js'
import { type PartyMessageParts, sendAndWait } from './party-message.js'

export interface DealPublishingParts extends PartyMessageParts {
  readonly chain: Chain
  readonly wallet: Wallet
  /** Whose data cap and money are used. */
  readonly client: Address
}

export interface ImportedPiece {
  readonly pieceCid: CID
  /** Padded bytes. */
  readonly pieceSize: number
  readonly payloadSize: number
}

interface DealTerms {
  readonly verified: boolean
  /** Epochs from now on in which the piece must be proven, and from then on to the end of the deal. */
  readonly startIn: number
  readonly duration: number
}

/** attoFIL: enough to be seen, too little to matter. */
const PRICE_PER_EPOCH = 10n ** 9n
const COLLATERAL = 10n ** 15n

/** Publishes a deal on the built-in market as client and provider would: both put in what it takes, the client signs, the provider's worker sends. */
export async function publishDeal(
  parts: DealPublishingParts,
  provider: number,
  piece: ImportedPiece,
  terms: DealTerms,
  signal: AbortSignal,
): Promise<BuiltInDeal> {
  const { chain, client } = parts
  const { state } = chain.head
  const worker = actors.get(state, miners.get(state, provider)!.worker)!.robust!
  const StartEpoch = heightOf(chain.head) + terms.startIn
  const proposal: DealProposal = {
    PieceCID: piece.pieceCid,
    PieceSize: piece.pieceSize,
    VerifiedDeal: terms.verified,
    Client: client,
    Provider: Address.fromId(provider, 't'),
    Label: piece.pieceCid.toString(),
    StartEpoch,
    EndEpoch: StartEpoch + terms.duration,
    StoragePricePerEpoch: PRICE_PER_EPOCH,
    ProviderCollateral: COLLATERAL,
    ClientCollateral: COLLATERAL,
  }
  const clientId = resolveId(state, client)!
  await fund(parts, client, clientId, COLLATERAL + PRICE_PER_EPOCH * BigInt(terms.duration), signal)
  await fund(parts, worker, provider, COLLATERAL, signal)
  const ClientSignature = parts.wallet.sign(client, DealProposal.encode(proposal))
  const params = PublishStorageDealsParams.encode({ Deals: [{ Proposal: proposal, ClientSignature }] })
  const { cid, returned } = await sendAndWait(
    parts,
    { from: worker, to: SINGLETONS.market, method: METHODS.market.PublishStorageDeals, params },
    signal,
  )
  return {
    ...piece,
    id: PublishStorageDealsReturn.decode(returned).IDs[0]!,
    publishCid: cid,
    client: clientId,
    provider,
    startEpoch: proposal.StartEpoch,
    endEpoch: proposal.EndEpoch,
    pricePerEpoch: PRICE_PER_EPOCH,
    assigned: null,
  }
}

/** Puts into the market what somebody lacks there. */
async function fund(
  parts: DealPublishingParts,
  from: Address,
  party: number,
  needed: bigint,
  signal: AbortSignal,
): Promise<void> {
  const { escrow, locked } = marketBalances.get(parts.chain.head.state, party)
  const value = needed - (escrow - locked)
  if (value <= 0n) return
  const params = address.encode(Address.fromId(party))
  await sendAndWait(parts, { from, to: SINGLETONS.market, method: METHODS.market.AddBalance, params, value }, signal)
}
