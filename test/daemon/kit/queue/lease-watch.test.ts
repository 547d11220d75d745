import { expect } from 'chai'
import { LeaseWatch } from '../../../../daemon/kit/queue/lease-watch.js'

const LEASE_MS = 60_000

describe('queue: leases by the steady clock of who watches them', () => {
  let at: number
  let watch: LeaseWatch
  beforeEach(() => {
    at = 0
    watch = new LeaseWatch({ monotonic: () => at })
  })

  const lease = (leaseUntil: number, fence = 1) => ({ id: 'job', fence, leaseUntil })
  const isOver = (leaseUntil: number, fence?: number): boolean =>
    watch.over([lease(leaseUntil, fence)], LEASE_MS).length > 0

  /** Looks on while time passes. */
  const pass = (ms: number, leaseUntil: number, fence?: number): boolean => {
    let over = false
    for (const end = at + ms; at < end; ) {
      at = Math.min(end, at + 5_000)
      over = isOver(leaseUntil, fence)
    }
    return over
  }

  it('are over when they have not been renewed for their whole length, whatever moment the row tells', () => {
    expect(isOver(5)).to.equal(false)
    expect(pass(LEASE_MS - 1, 5)).to.equal(false)
    expect(pass(1, 5)).to.equal(true)
  })

  it('begin anew with each renewal and each claim, also where the clock of the row goes back', () => {
    isOver(1_000)
    pass(LEASE_MS - 1, 1_000)
    for (const [until, fence] of [
      [500, 1],
      [400, 1],
      [400, 2],
    ] as const) {
      expect(isOver(until, fence)).to.equal(false)
      expect(pass(LEASE_MS - 1, until, fence)).to.equal(false)
    }
  })

  it('do not go on while nobody looks', () => {
    isOver(5)
    pass(LEASE_MS - 5_000, 5)
    at += 10 * LEASE_MS
    expect(isOver(5)).to.equal(false)
    expect(pass(4_000, 5)).to.equal(false)
    expect(pass(1_000, 5)).to.equal(true)
  })

  it('are known from when they were noted first', () => {
    watch.note(lease(7))
    at += LEASE_MS
    expect(isOver(7)).to.equal(true)
  })

  it('are forgotten with their jobs', () => {
    isOver(5)
    pass(LEASE_MS - 1, 5)
    at += 1
    expect(watch.over([], LEASE_MS)).to.deep.equal([])
    expect(isOver(5)).to.equal(false)
  })
})
