import { marketService } from '../../../rpc-schema/chain/index.js'
import type { MarketDealInfo } from '../../../rpc-schema/chain/market.js'
import type { AcquireDealsSpec, SectorPieceV2 } from '../../../rpc-schema/manager/deals.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import { fromV2, isZeroPiece, sectorPieces } from './pieces.js'

/** Between which epochs the deals of a sector must lie. */
export interface DealWindow {
  readonly start: number
  readonly end: number
  readonly sectorExpiration: number | null
}

/** No limit on the end of a deal. Go writes 2^63 − 1, which a JSON number does not hold here. */
export const NO_END = Number.MAX_SAFE_INTEGER

/** Deals of sectors: taken from the market, given back to it. */
export class DealMarket {
  readonly #api: Client<typeof marketService.methods>
  readonly #log: Logger
  /** The market gives deals to one sector at a time, lest two of ours race for the same ones. */
  readonly #locks = new KeyedLock()

  constructor(connection: Connection, log: Logger) {
    this.#api = rpcClient(marketService, connection)
    this.#log = log
  }

  /** Pieces for a sector, in their order in it; empty when the market has nothing that fits. Deals that make no sense are given back. */
  assign(record: SectorState, spec: AcquireDealsSpec, window: DealWindow | undefined): Promise<SectorPieceV2[]> {
    return this.#locks.run('assign', async () => {
      const size = sealProof(record.SectorType).sectorSize
      const infos = await this.#api.AssignDeals(record.ID, size, {
        MaxPiece: spec.MaxDeals ?? 0,
        MaxPieceSize: 0,
        MinPiece: 0,
        MinPieceSize: 0,
        MinUsedSpace: spec.MinUsedSpace ?? 0,
        StartEpoch: window?.start ?? 0,
        EndEpoch: window?.end ?? 0,
        SectorExpiration: window?.sectorExpiration ?? null,
      })
      try {
        return checkedPieces(record.ID, infos)
      } catch (error) {
        await this.releaseQuietly(record.ID, infos)
        throw error
      }
    })
  }

  /** Gives the deals of a record back. */
  async release(record: SectorState): Promise<void> {
    const pieces = sectorPieces(record)
    await this.#release(
      record.ID,
      pieces.flatMap(piece => (piece.kind === 'market' ? [piece.dealId] : [])),
      pieces.flatMap(piece => (piece.kind === 'direct' ? [piece.allocationId] : [])),
    )
  }

  /** After a failure that is to be reported: that the deals cannot be given back either is only logged. */
  async releaseQuietly(
    sid: SectorID,
    infos: readonly Pick<MarketDealInfo, 'DealID' | 'AllocationID' | 'PublishCid'>[],
  ): Promise<void> {
    const isBuiltIn = (info: (typeof infos)[number]): boolean => info.PublishCid !== null || info.AllocationID === 0
    const builtIn = infos.filter(info => isBuiltIn(info) && info.DealID !== 0).map(info => info.DealID)
    const direct = infos.filter(info => !isBuiltIn(info)).map(info => info.AllocationID)
    await this.#release(sid, builtIn, direct).catch((error: unknown) =>
      this.#log.error({ err: error, sector: sectorName(sid) }, `cannot give deals back: ${errorText(error)}`),
    )
  }

  async #release(sid: SectorID, dealIds: number[], allocationIds: number[]): Promise<void> {
    const miner = Address.fromId(sid.Miner)
    if (dealIds.length > 0) await this.#api.ReleaseDeals(miner, dealIds)
    if (allocationIds.length > 0) await this.#api.ReleaseDirectDeals(miner, allocationIds)
  }
}

function checkedPieces(sid: SectorID, infos: readonly MarketDealInfo[]): SectorPieceV2[] {
  return infos.map((info, index) => {
    if (info.PieceCID === null) throw new Error(`deals for ${sectorName(sid)}: piece ${index} has no CID`)
    const piece: SectorPieceV2 = {
      Piece: { Size: info.PieceSize, PieceCID: info.PieceCID },
      DealInfo: { ...info, IsBuiltinMarket: info.PublishCid !== null, IsCompatible: false },
    }
    if (info.DealID !== 0 && info.AllocationID === 0 && info.PublishCid === null)
      throw new Error(
        `deals for ${sectorName(sid)}: deal ${info.DealID} does not say by which message it was published`,
      )
    if (fromV2(piece).kind === 'filler' && !isZeroPiece(piece.Piece))
      throw new Error(
        `deals for ${sectorName(sid)}: piece ${index} has no deal, but ${info.PieceCID} is not a piece of zeros`,
      )
    return piece
  })
}
