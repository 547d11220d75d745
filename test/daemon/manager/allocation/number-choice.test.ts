import { expect } from 'chai'
import {
  chooseNumber,
  FORGOTTEN_NUMBERS,
  largestWithin,
  type UsedNumbers,
} from '../../../../daemon/manager/allocation/number-choice.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'

const NONE: UsedNumbers = { given: 0, owed: 0, recorded: undefined, onChain: undefined, stored: undefined }
const ANY = { min: 0, max: null }

describe('manager: the next sector number', () => {
  const cases: [string, Partial<UsedNumbers>, { min: number; max: number | null }, number | null][] = [
    ['the first', {}, ANY, 1],
    ['above MinNumber', {}, { min: 10, max: null }, 11],
    ['MinNumber raised', { given: 15 }, { min: 100, max: null }, 101],
    ['MinNumber lowered', { given: 150 }, { min: 10, max: null }, 151],
    ['behind the last one', { given: 7 }, ANY, 8],
    ['behind an imported record', { given: 7, recorded: 50 }, ANY, 51],
    ['what the chain has is known', { given: 7, onChain: 7, stored: 6 }, ANY, 8],
    ['the last one of all', { given: 11 }, { min: 0, max: 12 }, 12],
    ['none is left', { given: 12 }, { min: 0, max: 12 }, null],
    ['the chain has newer ones', { given: 7, onChain: 20 }, ANY, 21 + FORGOTTEN_NUMBERS],
    ['a store has newer ones', { given: 7, onChain: 7, stored: 9 }, ANY, 10 + FORGOTTEN_NUMBERS],
    ['restored from a copy', { given: 7, onChain: 7, owed: 500 }, ANY, 508],
    ['restored, and the chain has newer ones', { given: 7, onChain: 20, owed: 500 }, ANY, 521 + FORGOTTEN_NUMBERS],
    ['newer ones with a record', { given: 7, recorded: 20, onChain: 20 }, ANY, 21],
    ['newer ones, and no room to leave some out', { given: 7, onChain: 20 }, { min: 0, max: 500 }, null],
  ]
  for (const [title, used, limits, expected] of cases)
    it(title, () => expect(chooseNumber({ ...NONE, ...used }, limits, 0)?.number ?? null).to.equal(expected))

  it('the older the database, the more are left out', () => {
    const day = 86_400_000
    expect(chooseNumber({ ...NONE, given: 7, onChain: 20 }, ANY, day)!.number).to.equal(21 + FORGOTTEN_NUMBERS + 8_640)
    expect(chooseNumber({ ...NONE, given: 7 }, ANY, day)!.number).to.equal(8)
  })

  it('says why numbers are left out', () => {
    expect(chooseNumber({ ...NONE, given: 7 }, ANY, 0)!.skipped).to.equal(undefined)
    expect(chooseNumber({ ...NONE, given: 7, onChain: 20, stored: 9 }, ANY, 0)!.skipped).to.match(
      /^the chain has sector 20, this database knows none above 7: /,
    )
    expect(chooseNumber({ ...NONE, given: 7, stored: 9 }, ANY, 0)!.skipped).to.include('a persist store has sector 9')
  })

  it('the largest of a set within limits', () => {
    const used = Bitfield.of([1, 2, 3, 7, 8, 20])
    const largest = (min: number, max: number | null) => largestWithin(used, { min, max })
    expect(largest(0, null)).to.equal(20)
    expect(largest(0, 20)).to.equal(20)
    expect(largest(0, 19)).to.equal(8)
    expect(largest(0, 7)).to.equal(7)
    expect(largest(3, 6)).to.equal(undefined)
    expect(largest(20, null)).to.equal(undefined)
    expect(largestWithin(Bitfield.EMPTY, ANY)).to.equal(undefined)
    expect(largestWithin(Bitfield.range(0, 2 ** 50), ANY)).to.equal(2 ** 50 - 1)
  })
})
