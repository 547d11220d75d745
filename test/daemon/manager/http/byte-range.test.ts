import { expect } from 'chai'
import fc from 'fast-check'
import { byteRange } from '../../../../daemon/manager/http/byte-range.js'

describe('manager: a range of bytes', () => {
  it('what is no single range of bytes is answered with the whole', () => {
    for (const header of [undefined, '', 'bytes=', 'bytes=-', 'bytes=5-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=a-b'])
      expect(byteRange(header, 10), String(header)).to.deep.equal({ kind: 'whole' })
  })

  it('never leaves the content', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.option(fc.nat(60)), fc.option(fc.nat(60)), (size, from, to) => {
        const range = byteRange(`bytes=${from ?? ''}-${to ?? ''}`, size)
        if (range.kind !== 'part') return
        expect(range.offset).to.be.within(0, size - 1)
        expect(range.length).to.be.within(1, size - range.offset)
      }),
    )
  })

  it('that begins behind the end, or takes nothing, cannot be given', () => {
    expect(byteRange('bytes=10-', 10).kind).to.equal('unsatisfiable')
    expect(byteRange('bytes=-0', 10).kind).to.equal('unsatisfiable')
    expect(byteRange('bytes=0-', 0).kind).to.equal('unsatisfiable')
  })
})
