import { expect } from 'chai'
import { StageLimits } from '../../../../daemon/worker/processors/stage-limits.js'
import { ManualClock } from './manual-clock.js'

const settle = (): Promise<void> => new Promise(setImmediate)

describe('stage limits', () => {
  it('S000-21 S004-59 S004-62: lets as many tasks of a stage run as limitation.concurrent says, and serves those who wait in order', async () => {
    const limits = new StageLimits({ concurrent: { c2: 2 }, staggered: {} }, new ManualClock())
    const order: string[] = []
    const take = (name: string) =>
      limits.acquire('c2').then(release => {
        order.push(name)
        return release
      })
    const first = await take('a')
    await take('b')
    const third = take('c')
    void take('d')
    await settle()
    expect(order).to.deep.equal(['a', 'b'])

    first()
    first()
    await third
    await settle()
    expect(order, 'a release counts once').to.deep.equal(['a', 'b', 'c'])
  })

  it('does not limit a stage that has no limit', async () => {
    const limits = new StageLimits({ concurrent: { c2: 1 }, staggered: {} }, new ManualClock())
    await limits.acquire('pc1')
    await limits.acquire('pc1')
  })

  it('S004-63 S004-65: the second pc1 starts 5 minutes after the first, whenever the first ends', async () => {
    const clock = new ManualClock()
    const limits = new StageLimits({ concurrent: {}, staggered: { pc1: 300_000 } }, clock)
    const starts: number[] = []
    const begin = clock.monotonic()
    for (let task = 0; task < 3; task += 1) {
      void limits.acquire('pc1').then(release => {
        starts.push(clock.monotonic() - begin)
        release()
      })
    }
    await clock.advance(299_999)
    expect(starts).to.deep.equal([0])
    await clock.advance(1)
    expect(starts).to.deep.equal([0, 300_000])
    await clock.advance(1_000_000)
    expect(starts).to.deep.equal([0, 300_000, 600_000])
  })

  it('starts at once when the last start is longer ago than the interval', async () => {
    const clock = new ManualClock()
    const limits = new StageLimits({ concurrent: {}, staggered: { pc1: 1_000 } }, clock)
    await limits.acquire('pc1')
    await clock.advance(1_500)
    await limits.acquire('pc1')
    expect(clock.sleeping).to.equal(0)
  })

  it('leaves the queue when its signal aborts, and gives back what it had', async () => {
    const clock = new ManualClock()
    const limits = new StageLimits({ concurrent: { pc1: 2 }, staggered: { pc1: 1_000 } }, clock)
    await limits.acquire('pc1')
    const waitForTurn = new AbortController()
    const turn = limits.acquire('pc1', waitForTurn.signal)
    const waitForPlace = new AbortController()
    const place = limits.acquire('pc1', waitForPlace.signal)
    await settle()

    waitForPlace.abort(new Error('paused'))
    waitForTurn.abort(new Error('paused too'))
    const reasons = await Promise.allSettled([place, turn])
    expect(reasons.map(each => each.status === 'rejected' && each.reason.message)).to.deep.equal([
      'paused',
      'paused too',
    ])

    await clock.advance(1_000)
    await limits.acquire('pc1')
  })
})
