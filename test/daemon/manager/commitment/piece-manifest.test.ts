import { expect } from 'chai'
import type { SectorPiece } from '../../../../daemon/manager/allocation/pieces.js'
import type { ChainApi } from '../../../../daemon/manager/chain/chain-node.js'
import { pieceManifests } from '../../../../daemon/manager/commitment/piece-manifest.js'
import type { DealInfoV2 } from '../../../../rpc-schema/manager/deals.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { uint } from '../../../../rpc-schema/wire/cbor.js'
import { commDToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'
import { headAt, stubNode } from './stub-chain.js'

const PIECE = { Size: 1024, PieceCID: commDToCid(new Uint8Array(32).fill(21)) }
const FILLER: SectorPiece = { kind: 'filler', piece: { Size: 1024, PieceCID: zeroPieceCid(1024) } }
const KEYS = [
  Address.parse('f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za'),
  Address.fromBlsKey(new Uint8Array(48).fill(3)),
]

const from = (Client: Address): DealInfoV2 => ({ Client }) as DealInfoV2
const builtIn = (deal: DealInfoV2): SectorPiece => ({ kind: 'market', piece: PIECE, dealId: 300, deal })
const direct = (deal: DealInfoV2): SectorPiece => ({ kind: 'direct', piece: PIECE, allocationId: 7, deal })
const unverified: Partial<ChainApi> = { StateGetAllocationIdForPendingDeal: async () => 0 }
const verified: Partial<ChainApi> = {
  StateGetAllocationIdForPendingDeal: async deal => (deal === 300 ? 40 : 0),
  StateLookupID: async () => Address.fromId(2000),
}
const manifests = (api: Partial<ChainApi>, ...pieces: SectorPiece[]) =>
  pieceManifests(stubNode(api), pieces, headAt(5_000))

describe('manager: what a message says of the pieces', () => {
  const notice = { Address: Address.fromId(5), Payload: uint.encode(300) }

  it('the market is told of its deals by their ids; zeros are left out', async () => {
    expect(await manifests(unverified, builtIn(from(Address.fromId(2000))), FILLER)).to.deep.equal([
      { CID: PIECE.PieceCID, Size: 1024, VerifiedAllocationKey: null, Notify: [notice] },
    ])
    expect(Buffer.from(notice.Payload).toString('hex')).to.equal('19012c')
    expect(await manifests({}, FILLER)).to.deep.equal([])
  })

  for (const client of [Address.fromId(2000), ...KEYS]) {
    it(`the allocation of ${client.toString('f').slice(0, 6)}… is named by the client's id, of either kind of deal`, async () => {
      const [published] = await manifests(verified, builtIn(from(client)))
      expect(published).to.deep.include({ VerifiedAllocationKey: { Client: 2000, ID: 40 }, Notify: [notice] })
      const [allocated] = await manifests(verified, direct(from(client)))
      expect(allocated).to.deep.include({ VerifiedAllocationKey: { Client: 2000, ID: 7 }, Notify: [] })
    })
  }

  it('the client of a legacy deal without its proposal is the one on the chain', async () => {
    const deal = {
      ID: 300,
      PayloadSize: 0,
      Piece: { Size: 1024, Offset: 0, Cid: PIECE.PieceCID },
      Proposal: null,
      IsCompatible: false,
    }
    const legacy: SectorPiece = { kind: 'market', piece: PIECE, dealId: 300, deal }
    const StateMarketStorageDeal = async () => ({ Proposal: { Client: KEYS[0] } }) as never
    const [piece] = await manifests({ ...verified, StateMarketStorageDeal }, legacy)
    expect(piece!.VerifiedAllocationKey).to.deep.equal({ Client: 2000, ID: 40 })
  })
})
