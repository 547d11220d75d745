import { expect } from 'chai'
import { choose } from '../../../../daemon/kit/processors/child-group.js'

/** A small, fast, seedable source of numbers (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('choice of a child', () => {
  it('S000-20 S000-37: gives shares by weight: 1 to 55 over 10,000 draws', () => {
    const local = { weight: 1, freeCapacity: 1 }
    const remote = { weight: 55, freeCapacity: 64 }
    const random = seeded(7)
    let locals = 0
    for (let draw = 0; draw < 10_000; draw += 1) if (choose([local, remote], true, random) === local) locals += 1
    // 10,000 / 56 = 178.6, standard deviation 13.2: five of them.
    expect(locals).to.be.within(113, 245)
  })

  it('counts a child without weight as 1 beside one that has a weight', () => {
    const plain = { weight: undefined, freeCapacity: 64 }
    const heavy = { weight: 3, freeCapacity: 64 }
    const random = seeded(11)
    let plains = 0
    for (let draw = 0; draw < 10_000; draw += 1) if (choose([plain, heavy], true, random) === plain) plains += 1
    expect(plains).to.be.within(2_280, 2_720)
  })

  it('without weights takes the one with the most free capacity, of equals the last', () => {
    const children = [4, 9, 2, 9].map((freeCapacity, index) => ({ weight: undefined, freeCapacity, index }))
    expect(choose(children, false, Math.random)?.index).to.equal(3)
  })

  it('has nothing to choose when nobody is free', () => {
    expect(choose([], true, Math.random)).to.equal(undefined)
    expect(choose([], false, Math.random)).to.equal(undefined)
  })

  it('draws a child even at the upper end of the random numbers', () => {
    const children = [
      { weight: 0.1, freeCapacity: 1 },
      { weight: 0.2, freeCapacity: 1 },
    ]
    expect(choose(children, true, () => 1 - Number.EPSILON / 2)).to.equal(children[1])
  })
})
