import { expect } from 'chai'
import fc from 'fast-check'
import { parseSectorName, SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'

describe('wire/sector-id', () => {
  it('names a sector and reads the name', () => {
    expect(sectorName({ Miner: 1000, Number: 3 })).to.equal('s-t01000-3')
    expect(parseSectorName('s-f01000-0')).to.deep.equal({ Miner: 1000, Number: 0 })
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (miner, number) => {
        const sector = { Miner: miner, Number: number }
        expect(parseSectorName(sectorName(sector))).to.deep.equal(sector)
      }),
    )
  })

  it('refuses other names', () => {
    for (const name of [
      '',
      's-t01000',
      's-t01000-',
      's-t01000-03',
      's-x01000-3',
      's-t1000-3',
      's-t01000-3.tmp',
      's-t0-1-3',
    ]) {
      expect(() => parseSectorName(name), name).to.throw(
        RangeError,
        `not a sector name: ${JSON.stringify(name)}, expected s-t0<miner>-<number> as in s-t01000-3`,
      )
    }
    expect(() => parseSectorName('s-t01000-9007199254740992')).to.throw('number beyond 2^53 − 1')
    expect(SectorID.safeDecode({ Miner: 1, Number: -1 }).success).to.equal(false)
  })
})
