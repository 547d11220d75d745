import { expect } from 'chai'
import { isLost, LEASE_MS } from '../../../../daemon/manager/workers/work-lease.js'

describe('manager: work that was given out', () => {
  const start = 1_000_000
  const lost = (lease: { holder: string | null; heardAt: number | null }, lastPing: number | undefined, now: number) =>
    isLost({ takenAt: start, ...lease }, lastPing, { now, listeningSince: 0 })

  it('is lost when no worker ever reports of it', () => {
    const lease = { holder: null, heardAt: null }
    expect(lost(lease, undefined, start + LEASE_MS.unreported - 1)).to.equal(false)
    expect(lost(lease, undefined, start + LEASE_MS.unreported)).to.equal(true)
  })

  it('is kept as long as its worker pings, however long a stage takes', () => {
    const lease = { holder: 'w', heardAt: start }
    const now = start + 10 * LEASE_MS.withoutPings
    expect(lost(lease, now - LEASE_MS.silent + 1, now)).to.equal(false)
    expect(lost(lease, now - LEASE_MS.silent, now)).to.equal(true)
  })

  it('is kept for two days when its worker never pings', () => {
    const lease = { holder: 'w', heardAt: start }
    expect(lost(lease, undefined, start + LEASE_MS.withoutPings - 1)).to.equal(false)
    expect(lost(lease, undefined, start + LEASE_MS.withoutPings)).to.equal(true)
  })

  it('is not lost because the manager was away', () => {
    const lease = { takenAt: start, holder: 'w', heardAt: start }
    const now = start + 10 * LEASE_MS.withoutPings
    expect(isLost(lease, start, { now, listeningSince: now - LEASE_MS.silent + 1 })).to.equal(false)
    expect(isLost(lease, start, { now, listeningSince: now - LEASE_MS.silent })).to.equal(true)
  })
})
