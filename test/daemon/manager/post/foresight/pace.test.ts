import { expect } from 'chai'
import { forecast, median, provingMs, readingMs } from '../../../../../daemon/manager/post/foresight/pace.js'
import { someOf, trialSectors } from '../../../../../daemon/manager/post/foresight/trial-choice.js'
import type { WindowStep } from '../../../../../rpc-schema/manager/post-timeline.js'

const MINUTE = 60_000
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const random = (): (() => number) => {
  let last = 1
  return () => {
    last = (last * 16_807) % 2_147_483_647
    return last / 2_147_483_647
  }
}

describe('the pace of a coming window', () => {
  it('the slowest store holds up the others, and many stores share what is between', () => {
    const even = new Map(range(4).map(index => [`s${index}`, 500] as const))
    expect(readingMs(even, () => 100)).to.equal(25_000)
    expect(readingMs(even, store => (store === 's0' ? 1_000 : 100))).to.equal(250_000)
    const many = new Map(range(20).map(index => [`s${index}`, 100] as const))
    expect(readingMs(many, () => 100)).to.equal(25_000)
    expect(readingMs(new Map(), () => 100)).to.equal(0)
  })

  it('reading, and the rest for each partition, against the time that there is', () => {
    const window = { partitions: 3, readMs: 4 * MINUTE, restMs: 2 * MINUTE, leftMs: 30 * MINUTE }
    expect(forecast(window)).to.deep.equal({ neededMs: 10 * MINUTE, verdict: 'good' })
    expect(forecast({ ...window, restMs: 7 * MINUTE }).verdict).to.equal('tight')
    expect(forecast({ ...window, restMs: 9 * MINUTE }).verdict).to.equal('late')
    expect(forecast({ ...window, partitions: 0 }).verdict).to.equal('nothing')
  })

  it('what a window took is counted from its beginning, or from the reorg that began it anew', () => {
    const steps = (...given: [WindowStep['Step'], number][]): { Steps: WindowStep[] } => ({
      Steps: given.map(([Step, At]) => ({ Step, At, Epoch: 1, Detail: '' })),
    })
    expect(provingMs(steps(['begun', 1_000], ['verified', 5_000], ['verified', 9_000]))).to.equal(8_000)
    expect(provingMs(steps(['begun', 1_000], ['undone', 4_000], ['verified', 9_000]))).to.equal(5_000)
    expect(provingMs(steps(['begun', 1_000]))).to.equal(undefined)
  })

  it('one window that went badly says little', () => {
    expect([median([]), median([3]), median([900, 1, 2])]).to.deep.equal([0, 3, 2])
  })
})

describe('the choice of sectors for a trial', () => {
  const storeOf = (sector: number): string => `s${sector % 3}`

  it('takes as many of each store', () => {
    const chosen = trialSectors(range(300), storeOf, 6, random())
    expect(chosen).to.have.length(6)
    expect(['s0', 's1', 's2'].map(store => chosen.filter(sector => storeOf(sector) === store).length)).to.deep.equal([
      2, 2, 2,
    ])
  })

  it('with more stores than sectors, each store has its turn', () => {
    const next = random()
    const seen = new Set(
      range(40)
        .flatMap(() => trialSectors(range(300), storeOf, 1, next))
        .map(storeOf),
    )
    expect(seen.size).to.equal(3)
  })

  it('takes all when all are wanted, or there are no more', () => {
    expect(trialSectors(range(5), storeOf, 0, random())).to.have.members(range(5))
    expect(trialSectors(range(5), storeOf, 9, random())).to.have.members(range(5))
    expect(new Set(someOf(range(50), 7, random())).size).to.equal(7)
  })
})
