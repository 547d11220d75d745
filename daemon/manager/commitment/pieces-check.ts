import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type DataPiece, dealTerm, isZeroPiece, type SectorPiece } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'

/**
 * What is wrong with the pieces of a sector by the chain's own records, or undefined. Throws when the chain cannot be asked.
 */
export async function pieceProblem(
  node: ChainNode,
  miner: number,
  pieces: readonly SectorPiece[],
  head: TipSet,
): Promise<string | undefined> {
  for (const [index, piece] of pieces.entries()) {
    const problem =
      piece.kind === 'filler'
        ? fillerProblem(piece)
        : piece.kind === 'market'
          ? await marketProblem(node, miner, piece, head)
          : await allocationProblem(node, miner, piece, head)
    if (problem !== undefined) return `piece ${index} (${piece.piece.PieceCID}): ${problem}`
  }
  return undefined
}

const fillerProblem = ({ piece }: SectorPiece): string | undefined =>
  isZeroPiece(piece) ? undefined : `invalid piece: it has no deal, but is not a piece of ${piece.Size} zeros`

async function marketProblem(
  node: ChainNode,
  miner: number,
  deal: Extract<DataPiece, { kind: 'market' }>,
  head: TipSet,
): Promise<string | undefined> {
  const { dealId, piece } = deal
  const expired = (start: number): string =>
    `expired deals: deal ${dealId} had to start by epoch ${start}, the head is at ${head.Height}`
  // A deal that was not proven in time is gone from the chain, which then has an error for it, as for everything else.
  const start = dealTerm(deal)?.start
  if (start !== undefined && head.Height >= start) return expired(start)
  const { Proposal } = await node.api.StateMarketStorageDeal(dealId, head.Cids)
  const provider = Proposal.Provider.isId
    ? Proposal.Provider
    : await node.api.StateLookupID(Proposal.Provider, head.Cids)
  if (!provider.equals(Address.fromId(miner))) return `invalid deals: deal ${dealId} is with ${provider}`
  if (!Proposal.PieceCID.equals(piece.PieceCID))
    return `invalid deals: deal ${dealId} is for piece ${Proposal.PieceCID}`
  if (Proposal.PieceSize !== piece.Size) return `invalid deals: deal ${dealId} is for ${Proposal.PieceSize} bytes`
  return head.Height >= Proposal.StartEpoch ? expired(Proposal.StartEpoch) : undefined
}

async function allocationProblem(
  node: ChainNode,
  miner: number,
  { allocationId, piece, deal }: Extract<DataPiece, { kind: 'direct' }>,
  head: TipSet,
): Promise<string | undefined> {
  // An allocation that is not there is null; an error says nothing about it.
  const found = await node.api.StateGetAllocation(deal.Client, allocationId, head.Cids)
  if (found === null) return `invalid deals: ${deal.Client} has no allocation ${allocationId}`
  if (found.Provider !== miner) return `invalid deals: allocation ${allocationId} is for provider ${found.Provider}`
  if (!found.Data.equals(piece.PieceCID)) return `invalid deals: allocation ${allocationId} is for piece ${found.Data}`
  if (head.Height >= found.Expiration)
    return `expired deals: allocation ${allocationId} ended at epoch ${found.Expiration}, the head is at ${head.Height}`
  // The registry takes an allocation for exactly its piece.
  if (found.Size !== piece.Size) return `invalid deals: allocation ${allocationId} is for ${found.Size} bytes`
  return undefined
}
