import { expect } from 'chai'
import { z } from 'zod'
import { Bool, NoResult, Null, orAbsent, orNull, orZero, Text } from '../../../rpc-schema/rpc/zero-value.js'
import { TokenAmount } from '../../../rpc-schema/wire/token-amount.js'

describe('zero values', () => {
  const Thing = z.object({
    flag: Bool,
    text: Text,
    amount: orZero(TokenAmount, () => 0n),
    pointer: orNull(TokenAmount),
    omitted: orAbsent(TokenAmount),
  })

  it('stand for missing members', () => {
    expect(z.decode(Thing, {})).to.deep.equal({ flag: false, text: '', amount: 0n, pointer: null })
  })

  it('stand for null members', () => {
    const nulls = { flag: null, text: null, amount: null, pointer: null, omitted: null }
    expect(z.decode(Thing, nulls)).to.deep.equal({ ...z.decode(Thing, {}), omitted: undefined })
  })

  it('are written, except where omitted', () => {
    const wire = z.encode(Thing, { flag: false, text: '', amount: 0n, pointer: null })
    expect(JSON.stringify(wire)).to.equal('{"flag":false,"text":"","amount":"0","pointer":null}')
  })

  it('give way to what is there', () => {
    const wire = { flag: true, text: 'x', amount: '1', pointer: '2', omitted: '3' }
    const value = z.decode(Thing, wire)
    expect(value).to.deep.equal({ flag: true, text: 'x', amount: 1n, pointer: 2n, omitted: 3n })
    expect(z.encode(Thing, value)).to.deep.equal(wire)
  })

  it('do not hide what is wrong', () => {
    const outcome = z.safeDecode(Thing, { flag: 'yes' } as never)
    expect(outcome.error?.issues[0]?.path).to.deep.equal(['flag'])
  })

  it('are not shared between values', () => {
    const List = orZero(z.array(z.number()), () => [])
    z.decode(List, null).push(1)
    expect(z.decode(List, null)).to.deep.equal([])
  })

  it('of results: null is written or left out', () => {
    expect(z.encode(Null, undefined)).to.equal(null)
    expect(z.encode(NoResult, undefined)).to.equal(undefined)
    for (const schema of [Null, NoResult]) {
      expect(z.decode(schema, null)).to.equal(undefined)
      expect(z.decode(schema, undefined)).to.equal(undefined)
      expect(z.safeDecode(schema, 1 as never).success).to.equal(false)
    }
  })
})
