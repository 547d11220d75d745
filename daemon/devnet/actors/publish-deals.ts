import {
  type ClientDealProposal,
  DealProposal,
  PublishStorageDealsParams,
  PublishStorageDealsReturn,
} from '../../../rpc-schema/actors/market.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { chainCid, isPieceCid } from '../../../rpc-schema/wire/cid.js'
import { isPaddedPieceSize } from '../../../rpc-schema/wire/numbers.js'
import { POLICY } from '../chain/policy.js'
import { dueEpoch, market, marketBalances, proposals, publishedDeals, storageFee } from '../state/market.js'
import { actors, dataCaps, miners, resolveId } from '../state/records.js'
import { decodeParams, illegalArgument, notFound } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { isSignedBy } from '../wallet/wallet.js'
import { DATACAP_UNIT, makeAllocations } from './datacap.js'
import { checkCaller } from './precommit.js'

/**
 * Method 4: puts deals that clients have signed on the chain, locks what they may cost, and turns the data cap of verified ones into allocations.
 * Deals that are wrong are left out, without a word; a message without a good one fails.
 */
export function publishStorageDeals(machine: Machine, call: Call): Uint8Array {
  const { Deals } = decodeParams(PublishStorageDealsParams, call.params)
  if (Deals.length === 0) throw illegalArgument('Empty deals parameter')
  const first = Deals[0]!.Proposal.Provider
  const provider = resolveId(call.draft, first)
  if (provider === undefined) throw notFound(`failed to resolve provider address ${first.toString('f')}`)
  const miner = miners.get(call.draft, provider)
  if (miner === undefined) throw illegalArgument('deal provider is not a storage miner actor')
  checkCaller(miner, call.from)

  const ids: number[] = []
  const valid: number[] = []
  for (const [at, deal] of Deals.entries()) {
    const id = publish(machine, call, provider, deal)
    if (id === undefined) continue
    ids.push(id)
    valid.push(at)
  }
  if (ids.length === 0) throw illegalArgument('All deal proposals invalid')
  return PublishStorageDealsReturn.encode({ IDs: ids, ValidDeals: Bitfield.of(valid) })
}

/** The id of the deal; nothing when it is not taken. */
function publish({ epoch }: Machine, { draft }: Call, provider: number, deal: ClientDealProposal): number | undefined {
  const { Proposal: proposal } = deal
  const client = resolveId(draft, proposal.Client)
  if (client === undefined || resolveId(draft, proposal.Provider) !== provider) return undefined
  const signer = actors.get(draft, client)!.robust
  if (signer === undefined || !isSignedBy(signer, DealProposal.encode(proposal), deal.ClientSignature)) return undefined
  if (!isSound(proposal, epoch)) return undefined

  const normal = { ...proposal, Client: Address.fromId(client), Provider: Address.fromId(provider) }
  const cid = chainCid(DealProposal.encode(normal)).toString()
  if (proposals.get(draft, cid) !== undefined) return undefined
  const record = {
    pieceCid: proposal.PieceCID,
    pieceSize: proposal.PieceSize,
    verified: proposal.VerifiedDeal,
    client,
    provider,
    label: proposal.Label,
    startEpoch: proposal.StartEpoch,
    endEpoch: proposal.EndEpoch,
    pricePerEpoch: proposal.StoragePricePerEpoch,
    providerCollateral: proposal.ProviderCollateral,
    clientCollateral: proposal.ClientCollateral,
    proposal: cid,
    allocation: null,
    activation: null,
  }
  const locks = [
    [client, record.clientCollateral + storageFee(record)],
    [provider, record.providerCollateral],
  ] as const
  for (const [who, amount] of locks) {
    const { escrow, locked } = marketBalances.get(draft, who)
    if (escrow - locked < amount) return undefined
  }
  const dataCap = BigInt(record.pieceSize) * DATACAP_UNIT
  if (record.verified && (dataCaps.get(draft, client) ?? 0n) < dataCap) return undefined

  for (const [who, locked] of locks) marketBalances.change(draft, who, { locked })
  const allocation = record.verified ? makeAllocations(draft, client, [allocationFor(normal, epoch)])[0]! : null
  const { nextDealId: id, open, nextDue } = market.get(draft)
  publishedDeals.put(draft, { ...record, allocation }, id)
  proposals.put(draft, id, cid)
  const due = dueEpoch(record)
  market.put(draft, { nextDealId: id + 1, open: open.union(Bitfield.of([id])), nextDue: Math.min(nextDue ?? due, due) })
  return id
}

/** What can be said of a proposal without knowing its parties. There is no least collateral here: it follows from a network's power. */
function isSound(proposal: DealProposal, epoch: number): boolean {
  const { PieceCID, PieceSize, Label, StartEpoch, EndEpoch } = proposal
  const amounts = [proposal.StoragePricePerEpoch, proposal.ProviderCollateral, proposal.ClientCollateral]
  const duration = EndEpoch - StartEpoch
  return (
    Buffer.byteLength(Label) <= POLICY.maxDealLabelBytes &&
    isPieceCid(PieceCID) &&
    isPaddedPieceSize(PieceSize) &&
    epoch <= StartEpoch &&
    duration >= POLICY.minDealDuration &&
    duration <= POLICY.maxDealDuration &&
    amounts.every(amount => amount >= 0n && amount <= POLICY.totalFilecoin)
  )
}

const allocationFor = ({ Provider, PieceCID, PieceSize, StartEpoch, EndEpoch }: DealProposal, epoch: number) => ({
  Provider: Provider.id,
  Data: PieceCID,
  Size: PieceSize,
  TermMin: EndEpoch - StartEpoch,
  TermMax: Math.min(EndEpoch - StartEpoch + POLICY.dealTermSlack, POLICY.maxAllocationTerm),
  Expiration: Math.min(StartEpoch, epoch + POLICY.maxAllocationExpiration),
})
