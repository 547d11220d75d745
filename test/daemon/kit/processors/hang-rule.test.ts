import { expect } from 'chai'
import { HangRule } from '../../../../daemon/kit/processors/hang-rule.js'

const MINUTE = 60_000

describe('hang rule', () => {
  it('what a hang is, is told by the longest proof there was, for a partition', () => {
    const rule = new HangRule()
    expect(rule.limitMs(1)).to.equal(undefined)
    expect(rule.isWorthwhile(1, 0)).to.equal(true)
    rule.note(2, 8 * MINUTE)
    rule.note(1, 1_000)
    expect(rule.limitMs(1)).to.equal(12 * MINUTE)
    expect(rule.limitMs(3)).to.equal(36 * MINUTE)
    expect(rule.isWorthwhile(1, 3 * MINUTE)).to.equal(false)
    expect(rule.isWorthwhile(1, 4 * MINUTE)).to.equal(true)
  })
})
