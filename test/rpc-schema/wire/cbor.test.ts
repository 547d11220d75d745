import { expect } from 'chai'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import {
  address,
  array,
  bigInt,
  bitfield,
  bool,
  bytes,
  type Cbor,
  CborError,
  type CborValue,
  cid,
  int,
  nullable,
  text,
  tuple,
  uint,
} from '../../../rpc-schema/wire/cbor.js'

const COMM_R = CID.parse('bagboea4b5abcakfzb4jxpmmsrfzwd6nsfmofmws4dxhfnia4q7vanbuywoxvlpbw')
const Sector = tuple({ Number: uint, SealedCID: cid, Unsealed: nullable(cid), Claims: array(uint) })
const Params = tuple({
  Sectors: array(Sector),
  Expiration: int,
  Amount: bigInt,
  Owner: address,
  Mask: bitfield,
  Proof: bytes,
  Note: text,
  Flag: bool,
})
type Params = CborValue<typeof Params>

const value: Params = {
  Sectors: [{ Number: 7, SealedCID: COMM_R, Unsealed: null, Claims: [1, 300] }],
  Expiration: -5,
  Amount: -256n,
  Owner: Address.parse('f01000'),
  Mask: Bitfield.of([0, 1, 2, 3]),
  Proof: Uint8Array.of(1, 2, 3),
  Note: 'é',
  Flag: true,
}
const HEX =
  '88818407d82a5829000182e20381e8022028b90f1377b192897361f9b22b1c565a5c1dce56a01c87ea068698b3af55bc36f6820119012c2443010100' +
  '4300e80741944301020362c3a9f5'

describe('wire/cbor', () => {
  it('writes a struct as a list of its fields, in order', () => {
    expect(toHex(Params.encode(value))).to.equal(HEX)
    expect(Params.decode(fromHex(HEX))).to.deep.equal(value)
  })

  it('reads and writes the same struct as JSON', () => {
    const json = {
      Sectors: [{ Number: 7, SealedCID: { '/': COMM_R.toString() }, Unsealed: null, Claims: [1, 300] }],
      Expiration: -5,
      Amount: '-256',
      Owner: 'f01000',
      Mask: [0, 4],
      Proof: 'AQID',
      Note: 'é',
      Flag: true,
    }
    expect(Params.json.encode(value)).to.deep.equal(json)
    expect(Params.json.decode(json)).to.deep.equal(value)
    // What Go leaves nil may be missing.
    expect(Sector.json.decode({ Number: 7, SealedCID: { '/': COMM_R.toString() } })).to.deep.equal({
      ...value.Sectors[0],
      Claims: [],
    })
  })

  it('round trips numbers, big integers, text and bytes', () => {
    const same = <C extends Cbor>(shape: C, given: CborValue<C>) => {
      expect(shape.decode(shape.encode(given))).to.deep.equal(given)
    }
    fc.assert(fc.property(fc.maxSafeNat(), n => same(uint, n)))
    fc.assert(fc.property(fc.maxSafeInteger(), n => same(int, n)))
    fc.assert(fc.property(fc.bigInt({ min: -(2n ** 500n), max: 2n ** 500n }), n => same(bigInt, n)))
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), t => same(text, t)))
    fc.assert(fc.property(fc.uint8Array(), b => same(bytes, b)))
    fc.assert(fc.property(fc.array(fc.option(fc.boolean())), l => same(array(nullable(bool)), l)))
  })

  it('writes big integers with a sign byte', () => {
    expect([0n, 1n, -1n, 255n, 256n].map(n => toHex(bigInt.encode(n)))).to.deep.equal([
      '40',
      '420001',
      '420101',
      '4200ff',
      '43000100',
    ])
  })

  for (const [what, hex, message] of [
    [
      'a struct of the wrong length',
      '8307d82a5829000182e20381e8022028b90f1377b192897361f9b22b1c565a5c1dce56a01c87ea068698b3af55bc36f6',
      'expected a list of 4 (Number, SealedCID, Unsealed, Claims), found a list of 3',
    ],
    ['something else than a struct', '07', 'expected a list of 4 (Number, SealedCID, Unsealed, Claims), found 7'],
    ['bytes in place of a CID', '84074101f680', 'SealedCID: expected a CID, found 1 bytes'],
    ['text in place of a number', '84617807f680', 'Number: expected an unsigned number up to 2^53−1, found text "x"'],
    ['a negative number', '842007f680', 'Number: expected an unsigned number up to 2^53−1, found -1'],
    [
      'a number beyond 2^53',
      '841bffffffffffffffff07f680',
      'Number: expected an unsigned number up to 2^53−1, found 18446744073709551615',
    ],
    [
      'a bad element of a list',
      '8407d82a5829000182e20381e8022028b90f1377b192897361f9b22b1c565a5c1dce56a01c87ea068698b3af55bc36f68201f5',
      'Claims[1]: expected an unsigned number up to 2^53−1, found true',
    ],
    [
      'a number in place of a list',
      '8407d82a5829000182e20381e8022028b90f1377b192897361f9b22b1c565a5c1dce56a01c87ea068698b3af55bc36f605',
      'Claims: expected a list, found 5',
    ],
  ] as const) {
    it(`refuses ${what}`, () => expect(() => Sector.decode(fromHex(hex))).to.throw(CborError, message))
  }

  it('names the whole path of what is wrong inside', () => {
    const broken = fromHex(HEX.replace('8407d82a', '8420d82a'))
    expect(() => Params.decode(broken)).to.throw(CborError, /^Sectors\[0\]\.Number: expected an unsigned number/)
  })

  for (const [what, shape, hex, message] of [
    ['bytes after the value', uint, '0101', 'not one CBOR value: '],
    ['no bytes', uint, '', 'not one CBOR value: '],
    ['a value cut short', bytes, '43aabb', 'not one CBOR value: '],
    ['a number in more bytes than needed', uint, '1807', 'not one CBOR value: '],
    ['a length in more bytes than needed', bytes, '580101', 'not one CBOR value: '],
    ['a list of indefinite length', array(uint), '9f01ff', 'not one CBOR value: '],
    ['a whole number as a float', uint, 'fb4014000000000000', 'not canonical CBOR'],
    ['undefined', nullable(uint), 'f7', 'not '],
    ['a map', array(uint), 'a0', 'expected a list, found an object'],
    ['a list nested without end', array(uint), '81'.repeat(100_000), 'not one CBOR value: '],
    ['a sign byte of 2', bigInt, '420201', 'big integer with sign byte 2, expected 0 or 1'],
    ['minus zero', bigInt, '4101', 'big integer not minimally encoded'],
    ['a big integer with leading zeros', bigInt, '43000001', 'big integer not minimally encoded'],
    ['a big integer of 129 bytes', bigInt, `588100${'11'.repeat(128)}`, 'big integer of 129 bytes, at most 128'],
    ['a number as big integer', bigInt, '01', 'expected a big integer, found 1'],
    ['a bad address', address, '4205aa', 'address bytes 05aa: unknown protocol 5'],
    ['text as address', address, '6130', 'expected an address, found text "0"'],
    ['a bitfield of the wrong version', bitfield, '4101', 'RLE+: version 1, expected 0'],
    ['a list as bitfield', bitfield, '80', 'expected a bitfield, found a list of 0'],
    ['null where it is not allowed', uint, 'f6', 'expected an unsigned number up to 2^53−1, found null'],
  ] as const) {
    it(`refuses ${what}`, () => expect(() => (shape as Cbor).decode(fromHex(hex))).to.throw(CborError, message))
  }

  it('keeps the limits of the chain, both ways', () => {
    const long = Array.from({ length: 8193 }, () => 1)
    expect(() => array(uint).encode(long)).to.throw(CborError, 'a list of 8193 items, at most 8192')
    expect(() => array(uint).decode(fromHex(`992001${'01'.repeat(8193)}`))).to.throw(
      'a list of 8193 items, at most 8192',
    )
    expect(() => array(uint, 2).encode([1, 2, 3])).to.throw('a list of 3 items, at most 2')
    expect(() => bytes.encode(new Uint8Array((2 << 20) + 1))).to.throw(
      'expected at most 2097152 bytes, found 2097153 bytes',
    )
    expect(() => text.encode('x'.repeat(8193))).to.throw('expected text of at most 8192 bytes')
    expect(() => bigInt.encode(2n ** 1020n)).to.throw('big integer of 129 bytes, at most 128')
    const scattered = Bitfield.of(Array.from({ length: 150_000 }, (_, index) => index * 3))
    expect(() => bitfield.encode(scattered)).to.throw(/^bitfield of \d+ bytes, at most 32768: too many separate runs/)
  })

  it('names the path of what cannot be encoded', () => {
    const broken = {
      ...value,
      Sectors: [value.Sectors[0], { ...value.Sectors[0], SealedCID: 'x' }],
    } as unknown as Params
    expect(() => Params.encode(broken)).to.throw(CborError, 'Sectors[1].SealedCID: expected a CID, found text "x"')
    expect(() => Params.encode({ ...value, Owner: Address.EMPTY })).to.throw(
      'Owner: expected an address, found text "<empty>"',
    )
    expect(() => Params.encode({ ...value, Amount: 5 as never })).to.throw('Amount: expected a big integer, found 5')
    expect(() => Params.encode({ ...value, Expiration: 0.5 })).to.throw(
      'Expiration: expected a number within ±(2^53−1), found 0.5',
    )
    expect(() => Sector.encode(null as never)).to.throw(
      'expected an object of Number, SealedCID, Unsealed, Claims, found null',
    )
    expect(() => Sector.encode({ ...value.Sectors[0]!, Number: undefined as never })).to.throw(
      'Number: expected an unsigned',
    )
  })

  it('never reads arbitrary bytes as anything it would not write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), input => {
        let decoded: CborValue<typeof Sector>
        try {
          decoded = Sector.decode(input)
        } catch (error) {
          expect(error).to.be.instanceOf(CborError)
          return
        }
        expect(toHex(Sector.encode(decoded))).to.equal(toHex(input))
      }),
    )
  })

  it('survives every change of one byte', () => {
    const good = fromHex(HEX)
    for (let at = 0; at < good.length; at++) {
      for (const change of [0x01, 0x20, 0x80, 0xff]) {
        const bad = Uint8Array.from(good)
        bad[at]! ^= change
        try {
          expect(toHex(Params.encode(Params.decode(bad)))).to.equal(toHex(bad))
        } catch (error) {
          expect(error).to.be.instanceOf(CborError)
        }
      }
    }
  })
})
