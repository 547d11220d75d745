import type { GetDealSpec, MarketDealInfo } from '../../../rpc-schema/chain/market.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { zeroPieceCid } from '../../../rpc-schema/wire/piece.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { Chain } from '../chain/chain.js'
import { Mutex } from '../chain/mutex.js'
import { heightOf } from '../chain/tipset.js'
import { type AllocationRecord, allocations, claims } from '../state/records.js'
import type { DealRepository, DirectDeal } from './deal-repository.js'
import { fillSector } from './fill-sector.js'

export type DealState = 'allocated' | 'sealing' | 'active'

const idAddress = (id: number): Address => Address.fromId(id, 't')
const refuse = (message: string): RpcError => new RpcError(RPC_ERROR.application, message)

/** A stand-in for a storage market, with direct deals only: gives them to sectors and takes them back. */
export class Market {
  readonly #chain: Chain
  readonly #deals: DealRepository
  readonly #mutex = new Mutex()

  constructor(chain: Chain, deals: DealRepository) {
    this.#chain = chain
    this.#deals = deals
  }

  /** Deals for a sector and the zeros around them, in the sector's order; nothing when none suits. They are its own until released. */
  assign(sector: SectorID, sectorSize: number, spec: GetDealSpec): Promise<MarketDealInfo[]> {
    return this.#mutex.run(async () => {
      const waiting = this.#deals
        .all()
        .filter(deal => deal.provider === sector.Miner && this.stateOf(deal) === 'allocated' && this.#suits(deal, spec))
        .sort((a, b) => a.pieceSize - b.pieceSize || a.startEpoch - b.startEpoch || a.id - b.id)
      const placed = fillSector(sectorSize, waiting, { maxPieces: spec.MaxPiece, minUsedBytes: spec.MinUsedSpace })
      await this.#deals.put(
        placed
          .flatMap(({ deal, offset }) => deal && { ...deal, assigned: { sector: sector.Number, offset } })
          .filter(deal => deal !== null),
      )
      return placed.map(({ deal, size, offset }) => (deal === null ? filler(size) : toWire(deal, offset)))
    })
  }

  /** Gives deals back. Refuses all of them when one is not there, or is in a sector on the chain. */
  release(miner: number, ids: readonly number[]): Promise<void> {
    return this.#mutex.run(async () => {
      const found = ids.map(id => {
        const deal = this.#deals.get(id)
        if (deal === undefined || deal.provider !== miner) throw refuse(`direct deal of allocation ${id} not found`)
        if (this.stateOf(deal) === 'active')
          throw refuse(`direct deal of allocation ${id} is active: cannot release it`)
        return deal
      })
      await this.#deals.put(found.map(deal => ({ ...deal, assigned: null })))
    })
  }

  /** Where a deal stands. What became active is read from the chain, so that a reorg undoes it. */
  stateOf(deal: DirectDeal): DealState {
    if (claims.get(this.#chain.head.state, deal.id) !== undefined) return 'active'
    return deal.assigned === null ? 'allocated' : 'sealing'
  }

  all(): DirectDeal[] {
    return this.#deals.all()
  }

  add(deal: DirectDeal): Promise<void> {
    return this.#deals.put([deal])
  }

  /** The allocation must be open, and a sector that is already on the chain must live as long as its terms ask. */
  #suits(deal: DirectDeal, spec: GetDealSpec): boolean {
    const { head } = this.#chain
    const allocation: AllocationRecord | undefined = allocations.get(head.state, deal.id)
    if (allocation === undefined || heightOf(head) >= allocation.expiration) return false
    const filtered = spec.StartEpoch > 0 || spec.EndEpoch > 0
    if (!filtered || spec.SectorExpiration === null) return true
    const left = spec.SectorExpiration - heightOf(head)
    return left >= allocation.termMin && left <= allocation.termMax
  }
}

export const toWire = (deal: DirectDeal, offset: number): MarketDealInfo => ({
  DealID: 0,
  PublishCid: null,
  AllocationID: deal.id,
  PieceCID: deal.pieceCid,
  PieceSize: deal.pieceSize,
  Client: idAddress(deal.client),
  Provider: idAddress(deal.provider),
  Offset: offset,
  Length: deal.pieceSize,
  PayloadSize: deal.payloadSize,
  StartEpoch: deal.startEpoch,
  EndEpoch: deal.endEpoch,
})

const filler = (size: number): MarketDealInfo => ({
  DealID: 0,
  PublishCid: null,
  AllocationID: 0,
  PieceCID: zeroPieceCid(size),
  PieceSize: size,
  Client: Address.EMPTY,
  Provider: Address.EMPTY,
  Offset: 0,
  Length: size,
  PayloadSize: 0,
  StartEpoch: 0,
  EndEpoch: 0,
})
