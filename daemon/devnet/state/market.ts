import type { CID } from 'multiformats/cid'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { StateDraft, StateView } from './state-tree.js'
import { table } from './state-tree.js'

/** A deal of the built-in market that has been published and has not come to its end. Client and provider are actor ids, amounts attoFIL. */
export interface PublishedDealRecord {
  readonly pieceCid: CID
  /** Padded bytes. */
  readonly pieceSize: number
  readonly verified: boolean
  readonly client: number
  readonly provider: number
  readonly label: string
  readonly startEpoch: number
  readonly endEpoch: number
  readonly pricePerEpoch: bigint
  readonly providerCollateral: bigint
  readonly clientCollateral: bigint
  /** CID of the proposal with id addresses. */
  readonly proposal: string
  /** Allocation of a verified deal, until it is active. */
  readonly allocation: number | null
  /** The sector that holds it, and since when. */
  readonly activation: { readonly sector: number; readonly epoch: number } | null
}

/** attoFIL that somebody has in the market. */
export interface MarketBalanceRecord {
  /** All of it. */
  readonly escrow: bigint
  /** What of it deals hold. */
  readonly locked: bigint
}

interface MarketRecord {
  readonly nextDealId: number
  readonly open: Bitfield
  /** No deal times out or ends before this epoch; null without deals. */
  readonly nextDue: number | null
}

/** 0 would be taken for "no deal". */
const FIRST_DEAL = 1

export const publishedDeals = table<PublishedDealRecord>('published-deal')
/** Deal by the CID of its proposal, so that nobody publishes one twice. */
export const proposals = table<number>('deal-proposal')
/** Deals that are active in a sector, by miner and number. */
export const sectorDeals = table<readonly number[]>('sector-deals')

const balances = table<MarketBalanceRecord>('market-balance')
const markets = table<MarketRecord>('market')

export const marketBalances = {
  get: (view: StateView, id: number): MarketBalanceRecord => balances.get(view, id) ?? { escrow: 0n, locked: 0n },
  change(draft: StateDraft, id: number, change: Partial<MarketBalanceRecord>): void {
    const { escrow, locked } = marketBalances.get(draft, id)
    balances.put(draft, { escrow: escrow + (change.escrow ?? 0n), locked: locked + (change.locked ?? 0n) }, id)
  },
}

export const market = {
  get: (view: StateView): MarketRecord =>
    markets.get(view) ?? { nextDealId: FIRST_DEAL, open: Bitfield.EMPTY, nextDue: null },
  put: (draft: StateDraft, record: MarketRecord): void => markets.put(draft, record),
}

/** All that the client may have to pay for the storage. */
export const storageFee = ({ pricePerEpoch, startEpoch, endEpoch }: PublishedDealRecord): bigint =>
  pricePerEpoch * BigInt(endEpoch - startEpoch)

/** Epoch at whose end something happens to it by itself. */
export const dueEpoch = ({ activation, startEpoch, endEpoch }: PublishedDealRecord): number =>
  activation === null ? startEpoch : endEpoch
