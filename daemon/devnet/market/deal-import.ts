import type { DealImport, ImportedDeal } from '../../../rpc-schema/devnet/index.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { commDToCid } from '../../../rpc-schema/wire/cid.js'
import { signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { unpadded } from '../../../rpc-schema/wire/numbers.js'
import {
  AllocationRequests,
  AllocationsResponse,
  DATACAP_TRANSFER,
  DATACAP_UNIT,
  TransferParams,
  TransferReturn,
} from '../actors/datacap.js'
import type { Chain } from '../chain/chain.js'
import type { MessageSearch } from '../chain/message-search.js'
import { POLICY } from '../chain/policy.js'
import { heightOf } from '../chain/tipset.js'
import type { Mpool } from '../mpool/mpool.js'
import { miners, resolveId, SINGLETONS } from '../state/records.js'
import { type Market, toWire } from './market.js'
import type { PieceFiles } from './piece-files.js'

/** Epochs that a deal lasts when nobody says: as long as a client of the real market was seen to ask for. */
const DEFAULT_DURATION = 1_495_000
/** A sector may outlive the deal by this much and still keep its data. */
const TERM_SLACK = 90 * 2880
const LEAST_PIECE_BYTES = 256

export interface DealImportParts {
  readonly chain: Chain
  readonly mpool: Mpool
  readonly search: MessageSearch
  readonly market: Market
  readonly pieces: PieceFiles
  /** Whose data cap is used. */
  readonly client: Address
  /** Called while nothing makes epochs by itself. */
  readonly advance: () => Promise<void>
}

/** Brings data onto the market as a client would: computes its commitment, allocates data cap for it on the chain, offers the deal. */
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
    const startEpoch = heightOf(chain.head)
    const duration = deal.Duration ?? DEFAULT_DURATION
    const client = resolveId(chain.head.state, parts.client)!
    const id = await allocate(parts, signal, {
      Provider: deal.Miner,
      Data: pieceCid,
      Size: paddedBytes,
      TermMin: POLICY.minAllocationTerm,
      TermMax: Math.min(duration + TERM_SLACK, POLICY.maxAllocationTerm),
      Expiration: startEpoch + POLICY.maxAllocationExpiration,
    })
    const imported = {
      id,
      client,
      provider: deal.Miner,
      pieceCid,
      pieceSize: paddedBytes,
      payloadSize: incoming.bytes,
      startEpoch,
      endEpoch: startEpoch + duration,
      assigned: null,
    }
    await parts.market.add(imported)
    return { ...toWire(imported, 0), PieceCID: pieceCid }
  } finally {
    await pieces.drop(incoming.path)
  }
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

type Request = Parameters<typeof AllocationRequests.encode>[0]['Allocations'][number]

/** Sends the client's message and waits for it; the new allocation's id. */
async function allocate(parts: DealImportParts, signal: AbortSignal, request: Request): Promise<number> {
  const { mpool, search } = parts
  const pushed = await mpool.pushMessage(
    {
      Version: 0,
      To: Address.fromId(SINGLETONS.datacap, 't'),
      From: parts.client,
      Nonce: 0,
      Value: 0n,
      GasLimit: 0,
      GasFeeCap: 0n,
      GasPremium: 0n,
      Method: DATACAP_TRANSFER,
      Params: TransferParams.encode({
        To: Address.fromId(SINGLETONS.verifiedregistry),
        Amount: BigInt(request.Size) * DATACAP_UNIT,
        OperatorData: AllocationRequests.encode({ Allocations: [request], Extensions: [] }),
      }),
    },
    null,
  )
  const waiting = search.wait(signedMessageCid(pushed), 0, -1, true, signal)
  const [{ Receipt: receipt }] = await Promise.all([waiting, parts.advance()])
  if (receipt.ExitCode !== 0 || receipt.Return === null) {
    throw refuse(`the allocation failed on the chain with exit code ${receipt.ExitCode}`)
  }
  const { RecipientData } = TransferReturn.decode(receipt.Return)
  return AllocationsResponse.decode(RecipientData).NewAllocations[0]!
}
