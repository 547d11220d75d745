import { expect } from 'chai'
import { networkRules } from '../../../../daemon/manager/chain/network-version.js'
import { dueSectors, type WaitingSector } from '../../../../daemon/manager/commitment/batch-policy.js'
import { type ExpirationFacts, sectorExpiration } from '../../../../daemon/manager/commitment/expiration.js'

const DAY = 2_880

describe('manager: when a batch goes', () => {
  const sector = (number: number, change: Partial<WaitingSector> = {}): WaitingSector => ({
    number,
    queuedAt: 0,
    waitedMs: 0,
    queuedEpoch: 100,
    refusals: 0,
    mustLandBy: undefined,
    ...change,
  })
  const due = (waiting: WaitingSector[], Threshold: number, moment: { epoch?: number; gasIsDear?: boolean }) =>
    dueSectors(waiting, { Threshold, MaxWait: 3_600_000 }, { epoch: 100, epochMs: 30_000, ...moment }).map(
      ({ number }) => number,
    )

  it('once there are enough', () => {
    expect(due([sector(1)], 2, {})).to.deep.equal([])
    expect(due([sector(1), sector(2)], 2, {})).to.deep.equal([1, 2])
    expect(due([sector(1)], 1, {})).to.deep.equal([1])
    expect(due([sector(1)], 0, {})).to.deep.equal([1])
  })

  it('once one has waited, by the clock or by the chain: with those that are there', () => {
    const waiting = [sector(1), sector(2, { queuedEpoch: 150 })]
    expect(due([sector(1, { waitedMs: 3_599_999 }), sector(2)], 9, {})).to.deep.equal([])
    expect(due([sector(1, { waitedMs: 3_600_000 }), sector(2)], 9, {})).to.deep.equal([1, 2])
    expect(due(waiting, 9, { epoch: 219 })).to.deep.equal([])
    expect(due(waiting, 9, { epoch: 220 })).to.deep.equal([1, 2])
  })

  it('while gas is dear only with what cannot wait: neither enough sectors nor a long wait count', () => {
    const waitedMs = 9_000_000
    const waiting = [sector(1, { waitedMs }), sector(2, { waitedMs }), sector(3, { waitedMs, mustLandBy: 300 })]
    expect(due(waiting, 2, { epoch: 179, gasIsDear: true })).to.deep.equal([])
    expect(due(waiting, 2, { epoch: 180, gasIsDear: true })).to.deep.equal([3])
  })

  it('before it is too late for one, which takes the others with it', () => {
    const waiting = [sector(1), sector(2, { mustLandBy: 300 })]
    expect(due(waiting, 9, { epoch: 179 })).to.deep.equal([])
    expect(due(waiting, 9, { epoch: 180 })).to.deep.equal([1, 2])
  })
})

describe('manager: expiration of a new sector', () => {
  const rules = networkRules(28)
  const facts: ExpirationFacts = {
    head: 100_000,
    ticketEpoch: 99_100,
    pieces: [],
    lifetimeDays: 540,
    challengeDelay: 150,
    rules,
  }
  const dataUntil = (end: number) =>
    [{ kind: 'direct', allocationId: 1, piece: undefined, deal: { StartEpoch: 1, EndEpoch: end } }] as never

  it('without data: the configured lifetime less two days', () => {
    expect(sectorExpiration(facts)).to.equal(100_000 + 1_549_440)
  })
  it('is not shorter than the actors demand of a sector that is proven late', () => {
    const least = 99_100 + 3_780 + 86_550 + 518_400
    expect(sectorExpiration({ ...facts, lifetimeDays: 10 })).to.equal(least)
    expect(sectorExpiration({ ...facts, pieces: dataUntil(200_000) })).to.equal(least)
  })
  it('0 days and too many days are the longest that is allowed', () => {
    expect(sectorExpiration({ ...facts, lifetimeDays: 0 })).to.equal(100_000 + 1_278 * DAY - 2 * DAY)
    expect(sectorExpiration({ ...facts, lifetimeDays: 9_999 })).to.equal(100_000 + 1_278 * DAY)
  })
  it('with data: the end of the last deal, as far as allowed', () => {
    expect(sectorExpiration({ ...facts, pieces: dataUntil(1_000_000) })).to.equal(1_000_000)
    expect(sectorExpiration({ ...facts, pieces: dataUntil(9_000_000) })).to.equal(100_000 + 150 + 1_278 * DAY)
  })
  it('deals that have ended do not count', () => {
    expect(sectorExpiration({ ...facts, pieces: dataUntil(99_999) })).to.equal(100_000 + 1_549_440)
  })
})

describe('manager: network versions', () => {
  it('unknown newer ones are served by the newest rules, too old ones are refused', () => {
    expect(networkRules(99)).to.equal(networkRules(28))
    expect(() => networkRules(21)).to.throw('network version 21 is not supported')
  })
})
