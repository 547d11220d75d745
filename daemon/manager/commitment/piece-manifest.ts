import type { PieceActivationManifest } from '../../../rpc-schema/actors/miner-pieces.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { uint } from '../../../rpc-schema/wire/cbor.js'
import { type DataPiece, dataPieces, type SectorPiece } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'

/** The built-in market, which is told of its deals. */
const MARKET_ACTOR = Address.fromId(5)

/** What a prove-commit says of the data in a sector; pieces of zeros are not named. */
export function pieceManifests(
  node: ChainNode,
  pieces: readonly SectorPiece[],
  head: TipSet,
): Promise<PieceActivationManifest[]> {
  return Promise.all(dataPieces(pieces).map(piece => manifestOf(node, piece, head)))
}

async function manifestOf(node: ChainNode, piece: DataPiece, head: TipSet): Promise<PieceActivationManifest> {
  const { PieceCID: CID, Size } = piece.piece
  if (piece.kind === 'direct') {
    const VerifiedAllocationKey = { Client: await clientId(node, piece.deal.Client), ID: piece.allocationId }
    return { CID, Size, VerifiedAllocationKey, Notify: [] }
  }
  const allocation = await node.api.StateGetAllocationIdForPendingDeal(piece.dealId, head.Cids)
  return {
    CID,
    Size,
    VerifiedAllocationKey: allocation === 0 ? null : { Client: await clientOf(node, piece, head), ID: allocation },
    Notify: [{ Address: MARKET_ACTOR, Payload: uint.encode(piece.dealId) }],
  }
}

/** A legacy record need not know who the client is; the chain does. */
async function clientOf(
  node: ChainNode,
  { deal, dealId }: Extract<DataPiece, { kind: 'market' }>,
  head: TipSet,
): Promise<number> {
  const known = 'Client' in deal ? deal.Client : deal.Proposal?.Client
  const client = known ?? (await node.api.StateMarketStorageDeal(dealId, head.Cids)).Proposal.Client
  return clientId(node, client)
}

const clientId = async (node: ChainNode, client: Address): Promise<number> =>
  (client.isId ? client : await node.api.StateLookupID(client, [])).id
