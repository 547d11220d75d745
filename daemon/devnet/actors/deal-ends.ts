import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import {
  dueEpoch,
  market,
  marketBalances,
  type PublishedDealRecord,
  proposals,
  publishedDeals,
  sectorDeals,
  storageFee,
} from '../state/market.js'
import { SINGLETONS, transfer } from '../state/records.js'
import type { StateDraft } from '../state/state-tree.js'

/**
 * What becomes of deals by themselves, up to and with the end of an epoch: one that is in no proven sector when it had to start is gone, with the
 * provider's collateral; one that has come to its end is paid. A real network pays when it is asked to; here nobody has to ask.
 */
export function endDueDeals(draft: StateDraft, until: number): void {
  const { open, nextDue } = market.get(draft)
  if (nextDue === null || nextDue > until) return
  let next: number | null = null
  for (const id of open) {
    const deal = publishedDeals.get(draft, id)!
    const due = dueEpoch(deal)
    if (due > until) next = Math.min(next ?? due, due)
    else endDeal(draft, id, deal, deal.activation === null ? 'timed out' : deal.endEpoch)
  }
  market.put(draft, { ...market.get(draft), nextDue: next })
}

/** Deals of a sector that ended before its time, at this epoch: the client pays for the time that it had, the provider loses its collateral. */
export function slashDeals(draft: StateDraft, miner: number, sector: number, epoch: number): void {
  for (const id of sectorDeals.get(draft, miner, sector) ?? []) {
    const deal = publishedDeals.get(draft, id)
    if (deal !== undefined && deal.endEpoch > epoch) endDeal(draft, id, deal, epoch)
  }
}

function endDeal(draft: StateDraft, id: number, deal: PublishedDealRecord, at: number | 'timed out'): void {
  const { client, provider, startEpoch, endEpoch, pricePerEpoch, clientCollateral, providerCollateral } = deal
  const paid = at === 'timed out' ? 0n : pricePerEpoch * BigInt(Math.max(0, at - startEpoch))
  const slashed = at === endEpoch ? 0n : providerCollateral
  marketBalances.change(draft, client, { escrow: -paid, locked: -(clientCollateral + storageFee(deal)) })
  marketBalances.change(draft, provider, { escrow: paid - slashed, locked: -providerCollateral })
  transfer(draft, SINGLETONS.market, SINGLETONS.burn, slashed)
  publishedDeals.delete(draft, id)
  proposals.delete(draft, deal.proposal)
  const record = market.get(draft)
  market.put(draft, { ...record, open: record.open.subtract(Bitfield.of([id])) })
  if (deal.activation === null) return
  const left = (sectorDeals.get(draft, provider, deal.activation.sector) ?? []).filter(other => other !== id)
  if (left.length > 0) sectorDeals.put(draft, left, provider, deal.activation.sector)
  else sectorDeals.delete(draft, provider, deal.activation.sector)
}
