import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { keptAtLast } from '../../../../daemon/manager/post/kept-at-last.js'
import { FakeClock } from '../../worker/support/fake-clock.js'

describe('keeping a finished proof', () => {
  let clock: FakeClock
  let stop: AbortController
  let tries: number
  let isOver: boolean

  beforeEach(() => {
    clock = new FakeClock()
    stop = new AbortController()
    tries = 0
    isOver = false
  })

  /** The database is back at the given try. */
  const kept = (backAt: number): Promise<boolean | string> => {
    const keep = async (): Promise<boolean> => {
      tries += 1
      if (tries < backAt) throw new Error('the database is away')
      return true
    }
    const options = { isOver: () => isOver, subject: {}, signal: stop.signal, clock, log: silentLog }
    return keptAtLast(keep, options).catch((error: Error) => error.message)
  }
  const turn = async (): Promise<void> => {
    while (clock.sleepers === 0) await new Promise(setImmediate)
    clock.turn()
  }

  it('a database that is away is waited for, some seconds at a time', async () => {
    const start = clock.now()
    const result = kept(4)
    for (let turns = 0; turns < 3; turns++) await turn()
    expect(await result).to.equal(true)
    expect(clock.now() - start).to.be.within(3_000, 9_000)
  })

  it('but not when the deadline has closed meanwhile', async () => {
    const result = kept(9)
    await turn()
    isOver = true
    expect(await result).to.equal('the database is away')
    expect(tries).to.equal(2)
  })

  it('and it ends with its signal', async () => {
    const result = kept(9)
    while (clock.sleepers === 0) await new Promise(setImmediate)
    stop.abort(new Error('another manager has taken over'))
    expect(await result).to.equal('another manager has taken over')
    expect(tries).to.equal(1)
  })
})
