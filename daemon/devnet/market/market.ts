import type { GetDealSpec, MarketDealInfo } from '../../../rpc-schema/chain/market.js'
import type { MarketDealStatus } from '../../../rpc-schema/devnet/index.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { zeroPieceCid } from '../../../rpc-schema/wire/piece.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { Chain } from '../chain/chain.js'
import { Mutex } from '../chain/mutex.js'
import { POLICY } from '../chain/policy.js'
import { heightOf } from '../chain/tipset.js'
import { publishedDeals } from '../state/market.js'
import { allocations, claims } from '../state/records.js'
import type { BuiltInDeal, DealRepository, DirectDeal, OfferedDeal } from './deal-repository.js'
import { fillSector } from './fill-sector.js'

export type DealState = MarketDealStatus['State']

const idAddress = (id: number): Address => Address.fromId(id, 't')
const refuse = (message: string): RpcError => new RpcError(RPC_ERROR.application, message)

/** What the two kinds of deals differ in. */
interface Kind<D extends OfferedDeal> {
  readonly deals: DealRepository<D>
  readonly name: (id: number) => string
  /** Whether it is in a sector on the chain, or never can be any more. What became of it is read from the chain, so that a reorg undoes it. */
  readonly fate: (deal: D) => 'active' | 'expired' | undefined
  readonly suits: (deal: D, spec: GetDealSpec) => boolean
  /** Negative when the first is to be given away before the second, of the same size and start. */
  readonly order: (a: D, b: D) => number
  readonly toWire: (deal: D, offset: number) => MarketDealInfo
}

/** A stand-in for a storage market: gives deals to sectors and takes them back. */
export class Market {
  readonly #direct: Kind<DirectDeal>
  readonly #builtIn: Kind<BuiltInDeal>
  readonly #mutex = new Mutex()

  constructor(chain: Chain, direct: DealRepository<DirectDeal>, builtIn: DealRepository<BuiltInDeal>) {
    this.#direct = directKind(chain, direct)
    this.#builtIn = builtInKind(chain, builtIn)
  }

  /**
   * Deals for a sector and the zeros around them, in the sector's order; nothing when none suits. They are its own until released. A sector
   * never gets both kinds: built-in ones only when there is no direct one.
   */
  assign(sector: SectorID, sectorSize: number, spec: GetDealSpec): Promise<MarketDealInfo[]> {
    return this.#mutex.run(async () => {
      const direct = await fill(this.#direct, sector, sectorSize, spec)
      return direct.length > 0 ? direct : fill(this.#builtIn, sector, sectorSize, spec)
    })
  }

  /** Gives direct deals back, by their allocations. Refuses all of them when one is not there, or is in a sector on the chain. */
  releaseDirect(miner: number, ids: readonly number[]): Promise<void> {
    return this.#mutex.run(() => release(this.#direct, miner, ids))
  }

  /** The same for built-in ones. */
  releaseBuiltIn(miner: number, ids: readonly number[]): Promise<void> {
    return this.#mutex.run(() => release(this.#builtIn, miner, ids))
  }

  offerDirect(deal: DirectDeal): Promise<void> {
    return this.#direct.deals.put([deal])
  }

  offerBuiltIn(deal: BuiltInDeal): Promise<void> {
    return this.#builtIn.deals.put([deal])
  }

  status(): MarketDealStatus[] {
    return [...statusOf(this.#direct), ...statusOf(this.#builtIn)]
  }
}

const stateOf = <D extends OfferedDeal>({ fate }: Kind<D>, deal: D): DealState =>
  fate(deal) ?? (deal.assigned === null ? 'allocated' : 'sealing')

async function fill<D extends OfferedDeal>(
  kind: Kind<D>,
  sector: SectorID,
  sectorSize: number,
  spec: GetDealSpec,
): Promise<MarketDealInfo[]> {
  const waiting = kind.deals
    .all()
    .filter(deal => deal.provider === sector.Miner && stateOf(kind, deal) === 'allocated' && kind.suits(deal, spec))
    .sort((a, b) => a.pieceSize - b.pieceSize || a.startEpoch - b.startEpoch || kind.order(a, b) || a.id - b.id)
  const placed = fillSector(sectorSize, waiting, { maxPieces: spec.MaxPiece, minUsedBytes: spec.MinUsedSpace })
  await kind.deals.put(
    placed
      .flatMap(({ deal, offset }) => deal && { ...deal, assigned: { sector: sector.Number, offset } })
      .filter(deal => deal !== null),
  )
  return placed.map(({ deal, size, offset }) => (deal === null ? filler(size) : kind.toWire(deal, offset)))
}

async function release<D extends OfferedDeal>(kind: Kind<D>, miner: number, ids: readonly number[]): Promise<void> {
  const found = ids.map(id => {
    const deal = kind.deals.get(id)
    if (deal === undefined || deal.provider !== miner) throw refuse(`${kind.name(id)} not found`)
    if (kind.fate(deal) === 'active') throw refuse(`${kind.name(id)} is active: cannot release it`)
    return deal
  })
  await kind.deals.put(found.map(deal => ({ ...deal, assigned: null })))
}

function statusOf<D extends OfferedDeal>(kind: Kind<D>): MarketDealStatus[] {
  return kind.deals.all().map(deal => {
    const { DealID, AllocationID } = kind.toWire(deal, 0)
    return {
      DealID,
      AllocationID,
      PieceCID: deal.pieceCid,
      PieceSize: deal.pieceSize,
      State: stateOf(kind, deal),
      Sector: deal.assigned?.sector ?? null,
    }
  })
}

/** Epochs that a sector on the chain still has, when a deal must fit it. */
function lifetimeLeft({ head }: Chain, spec: GetDealSpec): number | undefined {
  const filtered = spec.StartEpoch > 0 || spec.EndEpoch > 0
  return filtered && spec.SectorExpiration !== null ? spec.SectorExpiration - heightOf(head) : undefined
}

const directKind = (chain: Chain, deals: DealRepository<DirectDeal>): Kind<DirectDeal> => ({
  deals,
  name: id => `direct deal of allocation ${id}`,
  fate: ({ id }) => (claims.get(chain.head.state, id) === undefined ? undefined : 'active'),
  /** The allocation must be open, and a sector that is already on the chain must live as long as its terms ask. */
  suits({ id }, spec) {
    const allocation = allocations.get(chain.head.state, id)
    if (allocation === undefined || heightOf(chain.head) >= allocation.expiration) return false
    const left = lifetimeLeft(chain, spec)
    return left === undefined || (left >= allocation.termMin && left <= allocation.termMax)
  },
  order: () => 0,
  toWire: directToWire,
})

const builtInKind = (chain: Chain, deals: DealRepository<BuiltInDeal>): Kind<BuiltInDeal> => ({
  deals,
  name: id => `deal ${id}`,
  fate({ id, startEpoch }) {
    const published = publishedDeals.get(chain.head.state, id)
    if (published === undefined) return 'expired'
    if (published.activation !== null) return 'active'
    return heightOf(chain.head) >= startEpoch ? 'expired' : undefined
  },
  suits({ startEpoch, endEpoch }, spec) {
    if (spec.StartEpoch > 0 && startEpoch <= spec.StartEpoch) return false
    if (spec.EndEpoch > 0 && endEpoch >= spec.EndEpoch) return false
    const left = lifetimeLeft(chain, spec)
    const duration = endEpoch - startEpoch
    return (
      left === undefined ||
      (left >= duration && left <= Math.min(duration + POLICY.dealTermSlack, POLICY.maxAllocationTerm))
    )
  },
  order: (a, b) => Number(b.pricePerEpoch > a.pricePerEpoch) - Number(a.pricePerEpoch > b.pricePerEpoch),
  toWire: builtInToWire,
})

const ownToWire = (deal: OfferedDeal, offset: number) => ({
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

export const directToWire = (deal: DirectDeal, offset: number): MarketDealInfo => ({
  DealID: 0,
  PublishCid: null,
  AllocationID: deal.id,
  ...ownToWire(deal, offset),
})

export const builtInToWire = (deal: BuiltInDeal, offset: number): MarketDealInfo => ({
  DealID: deal.id,
  PublishCid: deal.publishCid,
  AllocationID: 0,
  ...ownToWire(deal, offset),
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
