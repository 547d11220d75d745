import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { DealMarket } from '../../../../daemon/manager/allocation/market.js'
import type { NumberAllocator } from '../../../../daemon/manager/allocation/number-allocator.js'
import { SectorAllocation } from '../../../../daemon/manager/allocation/sector-allocation.js'
import type { HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import type { MinerFacts } from '../../../../daemon/manager/chain/miner-facts.js'
import type { MinerSetup } from '../../../../daemon/manager/config/load-settings.js'
import type { SectorBook } from '../../../../daemon/manager/sectors/sector-book.js'
import { newRecord } from '../../../../daemon/manager/sectors/sector-record.js'
import type { SectorPieceV2 } from '../../../../rpc-schema/manager/deals.js'
import type { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { commDToCid } from '../../../../rpc-schema/wire/cid.js'
import { headAt, stubNode } from '../commitment/stub-chain.js'

const SID = { Miner: 1000, Number: 3 }
const PIECE = commDToCid(new Uint8Array(32).fill(21))
const piece = {
  Piece: { Size: 2048, PieceCID: PIECE },
  DealInfo: { DealID: 8, AllocationID: 0, IsBuiltinMarket: true, StartEpoch: 9_000, EndEpoch: 900_000 },
} as SectorPieceV2
const LIMITS = { MaxDeals: null, MinUsedSpace: null }

describe('manager: deals that a sector gets', () => {
  let record: SectorState
  let released: SectorPieceV2[]
  beforeEach(() => {
    record = newRecord(SID, 5)
    released = []
  })

  /** With a market that has one deal, which the chain has with this provider. */
  function allocation(provider: number, head = 5_000): SectorAllocation {
    const Proposal = { Provider: Address.fromId(provider), PieceCID: PIECE, PieceSize: 2048, StartEpoch: 9_000 }
    return new SectorAllocation({
      miners: new Map([
        [1000, { Actor: 1000, Sector: { EnableDeals: true }, Sealing: { SealingEpochDuration: 0 } } as MinerSetup],
      ]),
      book: {
        exclusively: (_: unknown, work: () => Promise<unknown>) => work(),
        online: async () => record,
        update: async (_: unknown, change: (of: SectorState) => void) => change(record),
      } as unknown as SectorBook,
      numbers: undefined as unknown as NumberAllocator,
      node: stubNode({ StateMarketStorageDeal: async () => ({ Proposal }) as never }),
      heads: { fresh: async () => headAt(head) } as HeadTracker,
      facts: undefined as unknown as MinerFacts,
      market: {
        assign: async () => [piece],
        release: async ({ Pieces }: SectorState) => void released.push(...Pieces!),
        releaseQuietly: async () => void released.push(piece),
      } as unknown as DealMarket,
      log: silentLog,
    })
  }

  it('are in its record once the chain has nothing against them', async () => {
    expect(await allocation(1000).acquireDeals(SID, LIMITS)).to.deep.equal([piece])
    expect([record.Pieces, released]).to.deep.equal([[piece], []])
  })

  it('go back to the market when the chain would refuse them', async () => {
    expect(await allocation(1001).acquireDeals(SID, LIMITS), 'of another provider').to.deep.equal([])
    expect([record.Pieces, released]).to.deep.equal([null, [piece]])
    expect(await allocation(1000, 9_000).acquireDeals(SID, LIMITS), 'too late').to.deep.equal([])
    expect(released).to.have.length(2)
  })
})
