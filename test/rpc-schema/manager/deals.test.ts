import { expect } from 'chai'
import { z } from 'zod'
import { SectorPieces } from '../../../rpc-schema/manager/deals.js'

const PIECE_CID = { '/': 'baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy' }

describe('SectorPieces', () => {
  it('keeps null (deals disabled) and empty (no deals) apart', () => {
    expect(z.decode(SectorPieces, null)).to.equal(null)
    expect(z.decode(SectorPieces, [])).to.deep.equal([])
    expect(z.encode(SectorPieces, null)).to.equal(null)
    expect(z.encode(SectorPieces, [])).to.deep.equal([])
  })

  it('gives a filler without the market’s part all ids that workers need', () => {
    const filler = [
      { Piece: { Size: 1024, PieceCID: PIECE_CID }, DealInfo: { IsBuiltinMarket: false, IsCompatible: false } },
    ]
    const [piece] = z.decode(SectorPieces, filler)!
    expect(piece!.DealInfo).to.include({ DealID: 0, AllocationID: 0, PayloadSize: 0, PublishCid: null })
    const wire = z.encode(SectorPieces, [piece!])
    expect(Object.keys(wire![0]!.DealInfo as object)).to.deep.equal([
      'DealID',
      'PublishCid',
      'AllocationID',
      'PieceCID',
      'PieceSize',
      'Client',
      'Provider',
      'Offset',
      'Length',
      'PayloadSize',
      'StartEpoch',
      'EndEpoch',
      'IsBuiltinMarket',
      'IsCompatible',
    ])
    expect(wire![0]!.DealInfo).to.include({ Client: '<empty>', Provider: '<empty>' })
  })
})
