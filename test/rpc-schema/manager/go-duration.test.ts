import { expect } from 'chai'
import { z } from 'zod'
import { formatGoDuration, GoDuration, parseGoDuration } from '../../../rpc-schema/manager/go-duration.js'

describe('Go durations', () => {
  const pairs: [ms: number, text: string][] = [
    [0, '0s'],
    [0.000001, '1ns'],
    [0.0015, '1.5µs'],
    [1, '1ms'],
    [250, '250ms'],
    [1500, '1.5s'],
    [10_000, '10s'],
    [60_000, '1m0s'],
    [180_000, '3m0s'],
    [3_600_000, '1h0m0s'],
    [5_400_000, '1h30m0s'],
    [360_000_000, '100h0m0s'],
    [3_661_001, '1h1m1.001s'],
    [-90_000, '-1m30s'],
  ]
  for (const [ms, text] of pairs) {
    it(`${ms} ms is ${text}`, () => {
      expect(formatGoDuration(ms)).to.equal(text)
      expect(parseGoDuration(text)).to.be.closeTo(ms, 1e-9)
    })
  }

  it('reads other spellings of the same', () => {
    expect(parseGoDuration('90m')).to.equal(5_400_000)
    expect(parseGoDuration('0')).to.equal(0)
    expect(parseGoDuration('1.5h')).to.equal(5_400_000)
    expect(parseGoDuration('+2us')).to.be.closeTo(0.002, 1e-12)
  })

  for (const wrong of ['', '1', '1d', 'h', '1h 30m', '1h30', '--1s']) {
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      expect(() => parseGoDuration(wrong)).to.throw(RangeError, /not a duration/)
      expect(z.safeDecode(GoDuration, wrong).success).to.equal(false)
    })
  }
})
