import { expect } from 'chai'
import fc from 'fast-check'
import { formatFil, parseFil, TokenAmount } from '../../../rpc-schema/wire/token-amount.js'

describe('wire/token-amount', () => {
  it('reads and writes attoFIL as text', () => {
    expect(TokenAmount.decode('-12345678901234567890')).to.equal(-12345678901234567890n)
    expect(TokenAmount.encode(986967557706n)).to.equal('986967557706')
    expect(TokenAmount.decode('<nil>')).to.equal(0n)
    for (const bad of ['', '1.5', '0x10', '1e3', ' 1', '+1'])
      expect(TokenAmount.safeDecode(bad).success, bad).to.equal(false)
    expect(TokenAmount.safeDecode(5 as never).success).to.equal(false)
    expect(TokenAmount.safeDecode('1.5').error?.issues[0]?.message).to.equal('expected attoFIL as decimal text')
  })

  for (const [text, amount] of [
    ['1.5 FIL', 1_500_000_000_000_000_000n],
    ['1.5', 1_500_000_000_000_000_000n],
    ['10 nanoFIL', 10_000_000_000n],
    ['5 attoFIL', 5n],
    ['5afil', 5n],
    ['0.000000000000000001 fil', 1n],
    ['-2 FIL', -2n * 10n ** 18n],
    ['.5 milliFIL', 500_000_000_000_000n],
    ['1.000 attofil', 1n],
    ['0', 0n],
  ] as const) {
    it(`reads ${text}`, () => expect(parseFil(text)).to.equal(amount))
  }

  for (const [text, reason] of [
    ['', 'no digits'],
    ['FIL', 'no digits'],
    ['1.5 BTC', 'unknown unit BTC, expected FIL, milliFIL, microFIL, nanoFIL, picoFIL, femtoFIL or attoFIL'],
    ['1.5 attoFIL', 'finer than one attoFIL'],
    ['0.0000000000000000001', 'finer than one attoFIL'],
    ['1,5 FIL', 'expected a number and an optional unit, as in "1.5 FIL" or "10 nanoFIL"'],
    ['1e3', 'expected a number and an optional unit'],
    ['1'.repeat(61), 'too long'],
  ] as const) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      expect(() => parseFil(text)).to.throw(RangeError, `FIL amount ${JSON.stringify(text.slice(0, 60))}: ${reason}`)
    })
  }

  it('prints as Lotus does', () => {
    expect(formatFil(0n)).to.equal('0 FIL')
    expect(formatFil(15n * 10n ** 17n)).to.equal('1.5 FIL')
    expect(formatFil(-1n)).to.equal('-0.000000000000000001 FIL')
    expect(formatFil(2n * 10n ** 18n)).to.equal('2 FIL')
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        n => void expect(parseFil(formatFil(n))).to.equal(n),
      ),
    )
  })
})
