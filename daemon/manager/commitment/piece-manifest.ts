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
  const client = 'Client' in piece.deal ? piece.deal.Client : piece.deal.Proposal?.Client
  if (allocation !== 0 && client === undefined)
    throw new Error(`deal ${piece.dealId} has an allocation, but its client is not known`)
  return {
    CID,
    Size,
    VerifiedAllocationKey: allocation === 0 ? null : { Client: await clientId(node, client!), ID: allocation },
    Notify: [{ Address: MARKET_ACTOR, Payload: uint.encode(piece.dealId) }],
  }
}

const clientId = async (node: ChainNode, client: Address): Promise<number> =>
  (client.isId ? client : await node.api.StateLookupID(client, [])).id
