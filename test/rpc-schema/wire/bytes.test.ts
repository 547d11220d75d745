import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import {
  Base64Bytes,
  ByteArray,
  bytesEqual,
  Commitment,
  emptyableBytes,
  fromBase64,
  fromHex,
  nullableBytes,
  toHex,
} from '../../../rpc-schema/wire/bytes.js'
import { list, nullableList } from '../../../rpc-schema/wire/list.js'

const message = (result: { error?: z.ZodError }) => result.error?.issues[0]?.message

describe('wire/bytes', () => {
  it('round trips base64, hex and arrays of numbers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        expect(Base64Bytes.decode(Base64Bytes.encode(bytes))).to.deep.equal(bytes)
        expect(emptyableBytes.decode(emptyableBytes.encode(bytes))).to.deep.equal(bytes)
        expect(ByteArray.decode(ByteArray.encode(bytes))).to.deep.equal(bytes)
        expect(fromHex(toHex(bytes))).to.deep.equal(bytes)
      }),
    )
  })

  it('reads large base64 without a copy of the pool', () => {
    const bytes = new Uint8Array(100_000).fill(7)
    expect(bytesEqual(Base64Bytes.decode(Base64Bytes.encode(bytes)), bytes)).to.equal(true)
    expect(Base64Bytes.decode('AQID').buffer.byteLength).to.equal(3)
  })

  it('tells null from empty where Go does', () => {
    expect(nullableBytes.decode(null)).to.equal(null)
    expect(nullableBytes.encode(null)).to.equal(null)
    expect(nullableBytes.decode('')).to.deep.equal(new Uint8Array())
    expect(emptyableBytes.decode(null)).to.deep.equal(new Uint8Array())
    expect(emptyableBytes.decode('')).to.deep.equal(new Uint8Array())
    expect(emptyableBytes.encode(new Uint8Array())).to.equal(null)
    expect(z.object({ Params: emptyableBytes }).decode({}).Params).to.deep.equal(new Uint8Array())
  })

  it('refuses what is not standard base64', () => {
    expect(message(Base64Bytes.safeDecode('AQI'))).to.equal('not standard base64 with padding: "AQI"')
    expect(message(Base64Bytes.safeDecode('-_8='))).to.equal('not standard base64 with padding: "-_8="')
    expect(message(Base64Bytes.safeDecode('AQ ID'))).to.equal('not standard base64 with padding: "AQ ID"')
    expect(message(Base64Bytes.safeEncode('no bytes' as never))).to.equal('expected bytes (Uint8Array)')
    expect(() => fromBase64('*'.repeat(50))).to.throw(RangeError, `base64 with padding: "${'*'.repeat(40)}…"`)
  })

  it('refuses what is not hex', () => {
    expect(fromHex('0xAbcd')).to.deep.equal(Uint8Array.of(0xab, 0xcd))
    expect(() => fromHex('abc')).to.throw(RangeError, 'hex of odd length (3 digits): "abc"')
    expect(() => fromHex('abzz')).to.throw(RangeError, 'not a hex digit at position 2: "abzz"')
  })

  it('takes a commitment of exactly 32 bytes', () => {
    const numbers = Array.from({ length: 32 }, (_, index) => index * 8)
    expect(Commitment.encode(Commitment.decode(numbers))).to.deep.equal(numbers)
    expect(Commitment.safeDecode(numbers.slice(1)).success).to.equal(false)
    expect(Commitment.safeDecode([...numbers.slice(1), 256]).success).to.equal(false)
    expect(message(Commitment.safeEncode(new Uint8Array(31)))).to.equal('expected exactly 32 bytes')
  })

  it('names the element that is no byte', () => {
    const result = ByteArray.safeDecode([1, 2, 300])
    expect(message(result)).to.equal('expected a byte (0–255), found 300')
    expect(result.error?.issues[0]?.path).to.deep.equal([2])
    expect(ByteArray.safeDecode([1.5]).success).to.equal(false)
    expect(ByteArray.safeDecode([-1]).success).to.equal(false)
  })

  it('compares bytes', () => {
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).to.equal(true)
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).to.equal(false)
    expect(bytesEqual(Uint8Array.of(1), Uint8Array.of(1, 1))).to.equal(false)
    expect(bytesEqual(Uint8Array.of(9, 1, 2).subarray(1), Uint8Array.of(1, 2))).to.equal(true)
  })
})

describe('wire/list', () => {
  const Holder = z.object({ Items: list(Base64Bytes), Maybe: nullableList(z.number()) })

  it('reads null and missing as empty, and writes an array', () => {
    expect(Holder.decode({})).to.deep.equal({ Items: [], Maybe: null })
    expect(Holder.decode({ Items: null, Maybe: null })).to.deep.equal({ Items: [], Maybe: null })
    expect(Holder.encode({ Items: [], Maybe: null })).to.deep.equal({ Items: [], Maybe: null })
    expect(Holder.encode(Holder.decode({ Items: ['AQ=='], Maybe: [] }))).to.deep.equal({ Items: ['AQ=='], Maybe: [] })
  })

  it('names the element that is wrong, both ways', () => {
    const decoded = Holder.safeDecode({ Items: ['AQ==', '?'] })
    expect(decoded.error?.issues[0]?.path).to.deep.equal(['Items', 1])
    const encoded = Holder.safeEncode({ Items: [3 as never], Maybe: null })
    expect(encoded.error?.issues[0]?.path).to.deep.equal(['Items', 0])
    expect(message(Holder.safeEncode({ Items: 3 as never, Maybe: null }))).to.equal('expected an array')
  })
})
