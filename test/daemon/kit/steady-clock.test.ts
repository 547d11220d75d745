import { expect } from 'chai'
import { steadyClock } from '../../../daemon/kit/steady-clock.js'
import { HandClock } from '../manager/proven-records.js'

const HOUR = 3_600_000

describe('steady clock', () => {
  it('begins with the time of day and goes on as time passes, whatever the clock is set to', () => {
    const clock = new HandClock()
    const steady = steadyClock(clock)
    const begun = clock.now()
    expect(steady.now()).to.equal(begun)
    for (const hours of [2, -2, 0]) {
      clock.setBy = hours * HOUR
      clock.advance(1_000)
    }
    expect(steady.now()).to.equal(begun + 3_000)
    expect(steady.monotonic()).to.equal(clock.monotonic())
  })

  it('is the same for all that ask for that of one clock, whenever they do', () => {
    const clock = new HandClock()
    const first = steadyClock(clock)
    clock.setBy = 2 * HOUR
    expect(steadyClock(clock).now()).to.equal(first.now())
    expect(steadyClock(new HandClock()).now()).to.equal(first.now())
  })
})
