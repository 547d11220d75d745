import { expect } from 'chai'
import { Address } from '../../../rpc-schema/wire/address.js'
import { fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import { address } from '../../../rpc-schema/wire/cbor.js'
import { DomainSeparationTag, drawRandomness, drawRandomnessFromDigest } from '../../../rpc-schema/wire/randomness.js'
import { golden } from './golden.js'

describe('wire/randomness', () => {
  for (const vector of golden<{ base: string; entropy: string; epoch: number; randomness: string; tag: number }[]>(
    'randomness.json',
  )) {
    it(`draws for tag ${vector.tag} at ${vector.epoch}`, () => {
      const drawn = drawRandomness(fromHex(vector.base), vector.tag, vector.epoch, fromHex(vector.entropy))
      expect(toHex(drawn)).to.equal(vector.randomness)
      expect(Object.values(DomainSeparationTag)).to.include(vector.tag)
    })
  }

  it('takes the CBOR of an ID address as entropy', () => {
    expect(toHex(address.encode(Address.fromId(1000)))).to.equal('4300e807')
  })

  it('refuses a digest of another length', () => {
    expect(() => drawRandomnessFromDigest(new Uint8Array(31), 5, 0, new Uint8Array())).to.throw(
      'digest of randomness has 31 bytes, expected 32',
    )
  })
})
