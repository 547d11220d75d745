import { expect } from 'chai'
import { dueSectors } from '../../../../daemon/manager/commitment/batch-policy.js'
import { WaitingTimes } from '../../../../daemon/manager/commitment/waiting-times.js'
import { HandClock } from '../proven-records.js'

const HOUR = 3_600_000

describe('manager: how long sectors wait', () => {
  let clock: HandClock
  let times: WaitingTimes
  beforeEach(() => {
    clock = new HandClock()
    times = new WaitingTimes(clock)
  })

  const queued = (number: number, queuedAt = clock.now()) => ({ number, queuedAt, queuedEpoch: 100, refusals: 0 })
  const waited = (...rows: ReturnType<typeof queued>[]) =>
    times.look(rows).map(({ number, waitedMs }) => [number, waitedMs])

  for (const hours of [2, -2])
    it(`fault 46: the clock is set by ${hours} hours: a batch goes when it has waited, not before, not after`, () => {
      const batch = { Threshold: 9, MaxWait: HOUR }
      const chain = { epoch: 100, epochMs: 30_000 }
      const row = queued(1)
      const due = () =>
        dueSectors(
          times.look([row]).map(one => ({ ...one, mustLandBy: undefined })),
          batch,
          chain,
        ).length
      expect(due()).to.equal(0)
      clock.advance(HOUR / 2)
      clock.setBy = hours * HOUR
      expect(due(), 'not early').to.equal(0)
      clock.advance(HOUR / 2 - 1)
      expect(due()).to.equal(0)
      clock.advance(1)
      expect(due(), 'not late').to.equal(1)
    })

  it('each from when it was first seen', () => {
    const [first, second] = [queued(1), queued(2)]
    expect(waited(first)).to.deep.equal([[1, 0]])
    clock.advance(500)
    expect(waited(first, second)).to.deep.equal([
      [1, 500],
      [2, 0],
    ])
  })

  it('a sector that went and came again begins anew, whether it was missed or not', () => {
    const first = queued(1)
    waited(first)
    clock.advance(500)
    const again = queued(1)
    expect(waited(again)).to.deep.equal([[1, 0]])
    clock.advance(500)
    waited()
    expect(waited(again)).to.deep.equal([[1, 0]])
  })
})
