import { expect } from 'chai'
import { unpadFr32 } from '../../../../daemon/manager/unseal/fr32.js'

/** Bit by bit: of every 256 bits the first 254. */
function slowly(padded: Uint8Array): Uint8Array {
  const content = new Uint8Array((padded.length / 128) * 127)
  for (let bit = 0; bit < content.length * 8; bit++) {
    const source = Math.floor(bit / 254) * 256 + (bit % 254)
    if ((padded[source >> 3]! >> (source & 7)) & 1) content[bit >> 3] = content[bit >> 3]! | (1 << (bit & 7))
  }
  return content
}

describe('manager: the content of padded bytes', () => {
  it('is what is in the lower 254 of every 256 bits', () => {
    const padded = Uint8Array.from({ length: 512 }, (_, at) => (at * 167 + (at >> 3)) & (at % 32 === 31 ? 0x3f : 0xff))
    expect(unpadFr32(padded)).to.deep.equal(slowly(padded))
    expect(unpadFr32(new Uint8Array())).to.have.length(0)
    expect(() => unpadFr32(new Uint8Array(127))).to.throw(RangeError)
  })
})
