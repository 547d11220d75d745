import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { type DataPiece, dataPieces, dealTerm, sectorPieces } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'

type MarketPiece = Extract<DataPiece, { kind: 'market' }>

/**
 * Deals of the built-in market that a proven sector should hold, and that the market has not taken from it: unless `RequireNotificationSuccess` is set
 * the sector is proven all the same, and the collateral of such a deal is lost. Throws when the chain cannot be asked.
 */
export async function idleDeals(node: ChainNode, record: SectorState, head: TipSet): Promise<number[]> {
  const pieces = dataPieces(sectorPieces(record)).filter((piece): piece is MarketPiece => piece.kind === 'market')
  const idle = await Promise.all(pieces.map(piece => isIdle(node, record.ID.Number, piece, head)))
  return pieces.filter((_, index) => idle[index]).map(({ dealId }) => dealId)
}

async function isIdle(node: ChainNode, number: number, piece: MarketPiece, head: TipSet): Promise<boolean> {
  try {
    const { State } = await node.api.StateMarketStorageDeal(piece.dealId, head.Cids)
    return State.SectorStartEpoch < 0 || State.SectorNumber !== number
  } catch (error) {
    // A deal that was not active in time is gone; a node has no code of its own for that.
    const start = dealTerm(piece)?.start
    const isAnswer = error instanceof RpcError && error.code === RPC_ERROR.application
    if (isAnswer && start !== undefined && head.Height >= start) return true
    throw error
  }
}
