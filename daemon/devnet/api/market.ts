import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import type { Chain } from '../chain/chain.js'
import { POLICY } from '../chain/policy.js'
import { marketBalances, publishedDeals } from '../state/market.js'
import { allocations } from '../state/records.js'
import { idOf, nodeError, tipsetOf } from './lookup.js'
import { allocationToWire } from './state.js'

type Methods = typeof lotusService.methods
type Served =
  | 'StateMarketBalance'
  | 'StateMarketStorageDeal'
  | 'StateDealProviderCollateralBounds'
  | 'StateGetAllocationForPendingDeal'
  | 'StateGetAllocationIdForPendingDeal'

/** What has not happened. */
const NEVER = -1

/** What a node tells of the built-in market. */
export function marketStateApi(chain: Chain): Pick<Handlers<Methods>, Served> {
  return {
    StateMarketBalance(address, key) {
      const tipset = tipsetOf(chain, key)
      const { escrow, locked } = marketBalances.get(tipset.state, idOf(tipset, address))
      return { Escrow: escrow, Locked: locked }
    },
    StateMarketStorageDeal(id, key) {
      const deal = publishedDeals.get(tipsetOf(chain, key).state, id)
      if (deal === undefined) {
        throw nodeError(
          `deal ${id} not found - deal may not have completed sealing before deal proposal start epoch, or deal may have been slashed`,
        )
      }
      return {
        Proposal: {
          PieceCID: deal.pieceCid,
          PieceSize: deal.pieceSize,
          VerifiedDeal: deal.verified,
          Client: Address.fromId(deal.client, 't'),
          Provider: Address.fromId(deal.provider, 't'),
          Label: deal.label,
          StartEpoch: deal.startEpoch,
          EndEpoch: deal.endEpoch,
          StoragePricePerEpoch: deal.pricePerEpoch,
          ProviderCollateral: deal.providerCollateral,
          ClientCollateral: deal.clientCollateral,
        },
        State: {
          SectorNumber: deal.activation?.sector ?? 0,
          SectorStartEpoch: deal.activation?.epoch ?? NEVER,
          LastUpdatedEpoch: NEVER,
          SlashEpoch: NEVER,
        },
      }
    },
    StateDealProviderCollateralBounds: () => ({ Min: 0n, Max: POLICY.totalFilecoin }),
    StateGetAllocationForPendingDeal(id, key) {
      const { state } = tipsetOf(chain, key)
      const found = allocations.get(state, publishedDeals.get(state, id)?.allocation ?? 0)
      return found === undefined ? null : allocationToWire(found)
    },
    StateGetAllocationIdForPendingDeal: (id, key) =>
      publishedDeals.get(tipsetOf(chain, key).state, id)?.allocation ?? 0,
  }
}
