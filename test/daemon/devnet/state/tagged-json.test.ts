import { expect } from 'chai'
import { fromTaggedJson, toTaggedJson } from '../../../../daemon/devnet/state/tagged-json.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'

describe('devnet/state: tagged JSON', () => {
  it('brings every kind of value back', () => {
    const value = {
      amount: -(2n ** 90n),
      address: Address.fromId(1000, 't'),
      bits: Bitfield.of([1, 2, 9]),
      none: Bitfield.EMPTY,
      bytes: Uint8Array.of(0, 255),
      cid: zeroPieceCid(2048),
      list: [1, 'text', null, true, { deep: 5n }],
    }
    const back = fromTaggedJson(toTaggedJson(value)) as typeof value
    expect(back.cid.equals(value.cid)).to.equal(true)
    expect({ ...back, cid: null }).to.deep.equal({ ...value, cid: null })
  })

  it('knows its tags', () => {
    expect(() => fromTaggedJson('"\\u0001?"')).to.throw('unknown tag')
  })
})
