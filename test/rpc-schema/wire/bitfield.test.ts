import { expect } from 'chai'
import fc from 'fast-check'
import { Bitfield, BitfieldJson } from '../../../rpc-schema/wire/bitfield.js'
import { fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import { bitfield } from '../../../rpc-schema/wire/cbor.js'
import { golden } from './golden.js'

const VECTORS = golden<{ cbor: string; json: number[]; set: string[] }[]>('bitfields.json')

const members = fc.array(
  fc.oneof(
    fc.nat(40),
    fc.nat(5000),
    fc.maxSafeNat().map(n => Math.min(n, 2 ** 53 - 2)),
  ),
)
const sorted = (set: Set<number>) => [...set].sort((a, b) => a - b)

describe('wire/bitfield', () => {
  for (const [index, { cbor, json, set }] of VECTORS.entries()) {
    it(`golden bitfield ${index}: ${cbor.slice(0, 20)}`, () => {
      const value = BitfieldJson.decode(json)
      expect([...value].map(String)).to.deep.equal(set)
      expect(toHex(bitfield.encode(value))).to.equal(cbor)
      expect(BitfieldJson.encode(bitfield.decode(fromHex(cbor)))).to.deep.equal(json)
      expect(Bitfield.of(set.map(Number)).equals(value)).to.equal(true)
    })
  }

  it('holds what it was given', () => {
    fc.assert(
      fc.property(members, numbers => {
        const value = Bitfield.of(numbers)
        const expected = sorted(new Set(numbers))
        expect(value.toArray()).to.deep.equal(expected)
        expect(value.count).to.equal(expected.length)
        expect(value.first).to.equal(expected[0])
        expect(value.last).to.equal(expected.at(-1))
        expect(value.isEmpty).to.equal(expected.length === 0)
        for (const number of expected) {
          expect(value.has(number)).to.equal(true)
          expect(value.has(number + 1)).to.equal(expected.includes(number + 1))
        }
      }),
    )
  })

  it('round trips through runs and RLE+', () => {
    fc.assert(
      fc.property(members, numbers => {
        const value = Bitfield.of(numbers)
        expect(Bitfield.fromRuns(value.toRuns())).to.deep.equal(value)
        expect(Bitfield.fromRlePlus(value.toRlePlus())).to.deep.equal(value)
        expect(BitfieldJson.decode(BitfieldJson.encode(value))).to.deep.equal(value)
      }),
    )
  })

  it('unites, intersects and subtracts as sets do', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60)), fc.array(fc.nat(60)), (a, b) => {
        const [left, right] = [new Set(a), new Set(b)]
        const [x, y] = [Bitfield.of(a), Bitfield.of(b)]
        expect(x.union(y)).to.deep.equal(Bitfield.of([...a, ...b]))
        expect(x.intersect(y)).to.deep.equal(Bitfield.of(sorted(left).filter(n => right.has(n))))
        expect(x.subtract(y)).to.deep.equal(Bitfield.of(sorted(left).filter(n => !right.has(n))))
      }),
    )
  })

  it('keeps a million consecutive sectors as one range', () => {
    const million = Bitfield.range(5, 1_000_000)
    expect(million.bounds).to.deep.equal([5, 1_000_005])
    expect(million.count).to.equal(1_000_000)
    expect(million.has(1_000_004)).to.equal(true)
    expect(million.has(1_000_005)).to.equal(false)
    expect(million.subtract(Bitfield.of([10])).toRuns()).to.deep.equal([5, 5, 1, 999_994])
    expect(toHex(million.toRlePlus()).length).to.be.lessThan(14)
  })

  it('reads null, [] and trailing zeros as nothing more', () => {
    expect(BitfieldJson.decode(null)).to.deep.equal(Bitfield.EMPTY)
    expect(BitfieldJson.decode([])).to.deep.equal(Bitfield.EMPTY)
    expect(BitfieldJson.encode(Bitfield.EMPTY)).to.deep.equal([0])
    expect(BitfieldJson.encode(BitfieldJson.decode([0, 2, 7]))).to.deep.equal([0, 2])
    expect(Bitfield.EMPTY.toRlePlus()).to.deep.equal(new Uint8Array())
    expect(Bitfield.range(3, 0)).to.equal(Bitfield.EMPTY)
  })

  it('is no member what is no integer', () => {
    expect(Bitfield.of([1, 2]).has(1.5)).to.equal(false)
    expect(() => Bitfield.of([-1])).to.throw('bitfield member -1: expected an integer in 0…2^53−2')
    expect(() => Bitfield.of([2 ** 53])).to.throw('expected an integer in 0…2^53−2')
  })

  for (const [runs, reason] of [
    [[0, 1, 0, 1], 'run 2 of a bitfield: only the first run may be 0'],
    [[1.5, 1], 'run 0 of a bitfield: expected a length, found 1.5'],
    [[0, -1], 'run 1 of a bitfield: expected a length, found -1'],
    [[2 ** 53 - 1, 1], 'run 1 of a bitfield: it reaches beyond 2^53−1'],
  ] as const) {
    it(`refuses the runs ${JSON.stringify(runs)}`, () => {
      expect(() => Bitfield.fromRuns(runs)).to.throw(RangeError, reason)
      expect(BitfieldJson.safeDecode([...runs]).error?.issues[0]?.message).to.equal(reason)
    })
  }

  for (const [hex, reason] of [
    ['0c00', 'RLE+: a zero byte at the end (not minimally encoded)'],
    ['01', 'RLE+: version 1, expected 0'],
    ['02', 'RLE+: version 2, expected 0'],
    // first run of ones, a short block of length 1
    ['34', 'RLE+: not minimally encoded'],
    // a short block of length 0 before a run of one
    ['1404', 'RLE+: run 1 has length 0'],
    // a single run of zeros
    ['08', 'RLE+: ends with a run of zeros (not minimally encoded)'],
    // a varint whose continuation bytes never end
    [`e4${'ff'.repeat(12)}01`, 'RLE+: a run reaches beyond 2^53−1'],
  ] as const) {
    it(`refuses the RLE+ ${hex.slice(0, 20)}: ${reason}`, () => {
      expect(() => Bitfield.fromRlePlus(fromHex(hex))).to.throw(RangeError, reason)
    })
  }

  it('never reads arbitrary bytes as anything it would not write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), bytes => {
        let value: Bitfield
        try {
          value = Bitfield.fromRlePlus(bytes)
        } catch (error) {
          expect(error).to.be.instanceOf(RangeError)
          return
        }
        expect(toHex(value.toRlePlus())).to.equal(toHex(bytes))
      }),
      { numRuns: 2000 },
    )
  })
})
