import { uint } from '../../../rpc-schema/wire/cbor.js'
import { publishedDeals, sectorDeals } from '../state/market.js'
import type { Call, Machine } from '../vm/machine.js'
import type { SectorChange } from './receivers.js'

/**
 * What the market does when it is told of a piece in a proven sector: the deal that the payload names becomes active. False when it does not: another
 * provider's, another piece, too late, a sector that ends before it, or active already.
 */
export function activateDeal({ epoch }: Machine, { draft, to: provider }: Call, change: SectorChange): boolean {
  let id: number
  try {
    id = uint.decode(change.payload)
  } catch {
    return false
  }
  const deal = publishedDeals.get(draft, id)
  if (
    deal === undefined ||
    deal.provider !== provider ||
    epoch > deal.startEpoch ||
    deal.endEpoch > change.expiration ||
    deal.activation !== null ||
    !deal.pieceCid.equals(change.piece) ||
    deal.pieceSize !== change.size
  )
    return false
  publishedDeals.put(draft, { ...deal, allocation: null, activation: { sector: change.sector, epoch } }, id)
  sectorDeals.put(draft, [...(sectorDeals.get(draft, provider, change.sector) ?? []), id], provider, change.sector)
  return true
}
