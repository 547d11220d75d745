import type { DealImport, ImportedDeal } from '../../../rpc-schema/devnet/index.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { commDToCid } from '../../../rpc-schema/wire/cid.js'
import { unpadded } from '../../../rpc-schema/wire/numbers.js'
import {
  AllocationRequests,
  AllocationsResponse,
  DATACAP_TRANSFER,
  DATACAP_UNIT,
  TransferParams,
  TransferReturn,
} from '../actors/datacap.js'
import { EPOCHS_IN_DAY, POLICY } from '../chain/policy.js'
import { heightOf } from '../chain/tipset.js'
import { miners, resolveId, SINGLETONS } from '../state/records.js'
import { type DealPublishingParts, type ImportedPiece, publishDeal } from './deal-publishing.js'
import { builtInToWire, directToWire, type Market } from './market.js'
import { sendAndWait } from './party-message.js'
import type { PieceFiles } from './piece-files.js'

/** Epochs that a deal lasts when nobody says: as long as a client of the real market was seen to ask for. */
const DEFAULT_DURATION = 1_495_000
/** Epochs until the piece of a built-in deal must be proven, when nobody says: eight days. */
const DEFAULT_START_IN = 8 * EPOCHS_IN_DAY
const LEAST_PIECE_BYTES = 256

export interface DealImportParts extends DealPublishingParts {
  readonly market: Market
  readonly pieces: PieceFiles
}

type Request = Parameters<typeof AllocationRequests.encode>[0]['Allocations'][number]

/**
 * Brings data onto the market as a client would: computes its commitment, allocates data cap for it on the chain or publishes a built-in deal,
 * offers it.
 */
export async function importDeal(parts: DealImportParts, deal: DealImport, signal: AbortSignal): Promise<ImportedDeal> {
  const { chain, pieces } = parts
  const miner = miners.get(chain.head.state, deal.Miner)
  if (miner === undefined) throw refuse(`f0${deal.Miner} is no miner of this network`)
  if ((deal.Data === undefined) === (deal.Path === undefined)) throw refuse('give either Data or Path')
  const incoming = await pieces.take(deal.Data !== undefined ? { data: deal.Data } : { path: deal.Path! })
  try {
    const paddedBytes = pieceBytes(incoming.bytes, miner.sectorSize)
    const commitment = await chain.verifier.pieceCommitment({
      path: incoming.path,
      payloadBytes: incoming.bytes,
      paddedBytes,
    })
    const pieceCid = commDToCid(commitment)
    await pieces.keep(incoming.path, pieceCid)
    const piece = { pieceCid, pieceSize: paddedBytes, payloadSize: incoming.bytes }
    return await (deal.Builtin === true
      ? offerBuiltIn(parts, deal, piece, signal)
      : offerDirect(parts, deal, piece, signal))
  } finally {
    await pieces.drop(incoming.path)
  }
}

async function offerDirect(
  parts: DealImportParts,
  deal: DealImport,
  piece: ImportedPiece,
  signal: AbortSignal,
): Promise<ImportedDeal> {
  const { chain, market } = parts
  const startEpoch = heightOf(chain.head)
  const duration = deal.Duration ?? DEFAULT_DURATION
  const id = await allocate(parts, signal, {
    Provider: deal.Miner,
    Data: piece.pieceCid,
    Size: piece.pieceSize,
    TermMin: POLICY.minAllocationTerm,
    TermMax: Math.min(duration + POLICY.dealTermSlack, POLICY.maxAllocationTerm),
    Expiration: startEpoch + POLICY.maxAllocationExpiration,
  })
  const client = resolveId(chain.head.state, parts.client)!
  const imported = {
    ...piece,
    id,
    client,
    provider: deal.Miner,
    startEpoch,
    endEpoch: startEpoch + duration,
    assigned: null,
  }
  await market.offerDirect(imported)
  return { ...directToWire(imported, 0), PieceCID: piece.pieceCid }
}

async function offerBuiltIn(
  parts: DealImportParts,
  deal: DealImport,
  piece: ImportedPiece,
  signal: AbortSignal,
): Promise<ImportedDeal> {
  const terms = {
    verified: deal.Verified ?? false,
    startIn: deal.StartIn ?? DEFAULT_START_IN,
    duration: deal.Duration ?? DEFAULT_DURATION,
  }
  const imported = await publishDeal(parts, deal.Miner, piece, terms, signal)
  await parts.market.offerBuiltIn(imported)
  return { ...builtInToWire(imported, 0), PieceCID: piece.pieceCid }
}

const refuse = (message: string): RpcError => new RpcError(RPC_ERROR.application, message)

/** Padded size of the smallest piece that holds so many bytes. */
function pieceBytes(payload: number, sectorSize: number): number {
  if (payload === 0) throw refuse('a piece must have data')
  let size = LEAST_PIECE_BYTES
  while (unpadded(size) < payload) size *= 2
  if (size > sectorSize) throw refuse(`${payload} bytes do not fit into a sector of ${sectorSize}`)
  return size
}

/** Turns data cap of the client into an allocation; its id. */
async function allocate(parts: DealImportParts, signal: AbortSignal, request: Request): Promise<number> {
  const params = TransferParams.encode({
    To: Address.fromId(SINGLETONS.verifiedregistry),
    Amount: BigInt(request.Size) * DATACAP_UNIT,
    OperatorData: AllocationRequests.encode({ Allocations: [request], Extensions: [] }),
  })
  const message = { from: parts.client, to: SINGLETONS.datacap, method: DATACAP_TRANSFER, params }
  const { returned } = await sendAndWait(parts, message, signal)
  const { RecipientData } = TransferReturn.decode(returned)
  return AllocationsResponse.decode(RecipientData).NewAllocations[0]!
}
