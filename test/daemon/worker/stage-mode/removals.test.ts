import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { Removals } from '../../../../daemon/worker/stage-mode/removals.js'

const leftover = (sector: number, path = 'path') => ({ Path: path, Sector: { Miner: 1000, Number: sector } })

describe('worker: removals of stage workers', () => {
  let begun: string[]
  let ends: ((error?: Error) => void)[]
  let busy: number | undefined
  let removals: Removals
  beforeEach(() => {
    begun = []
    ends = []
    busy = undefined
    removals = new Removals({
      log: silentLog,
      isBusy: sector => sector.Number === busy,
      remove: ({ Path, Sector }) => {
        begun.push(`${Sector.Number} on ${Path}`)
        return new Promise((resolve, reject) => ends.push(error => (error ? reject(error) : resolve())))
      },
    })
  })

  it('are made one at a time, and one that fails is not the last', async () => {
    removals.want([leftover(1), leftover(2)])
    expect(begun).to.deep.equal(['1 on path'])
    ends[0]!(new Error('a bad disk'))
    await nextTurn()
    expect(begun).to.deep.equal(['1 on path', '2 on path'])
  })

  it('are only what the manager has asked for last', async () => {
    removals.want([leftover(1), leftover(2)])
    removals.want([leftover(1), leftover(3)])
    ends[0]!()
    await nextTurn()
    expect(begun).to.deep.equal(['1 on path', '3 on path'])
  })

  it('are not made again because an answer of the manager was on its way when they ended', async () => {
    removals.want([leftover(1)])
    removals.asking()
    ends[0]!()
    await nextTurn()
    removals.want([leftover(1)])
    expect(begun).to.deep.equal(['1 on path'])
    removals.asking()
    removals.want([leftover(1)])
    expect(begun).to.deep.equal(['1 on path', '1 on path'])
  })

  it('spare a sector that is worked on again, and tell when what has begun is over', async () => {
    removals.want([leftover(1), leftover(2), leftover(1, 'another')])
    expect(removals.spare({ Miner: 1000, Number: 2 })).to.equal(undefined)
    let isOver = false
    const over = removals.spare({ Miner: 1000, Number: 1 })!.then(() => {
      isOver = true
    })
    await nextTurn()
    expect(isOver).to.equal(false)
    ends[0]!()
    await over
    expect(begun).to.deep.equal(['1 on path'])
  })

  it('wait while something works on the files', async () => {
    busy = 1
    removals.want([leftover(1), leftover(2)])
    expect(begun).to.deep.equal(['2 on path'])
    busy = undefined
    ends[0]!()
    await nextTurn()
    expect(begun).to.deep.equal(['2 on path', '1 on path'])
  })

  it('begin nothing after the stop, which waits for the one under way', async () => {
    removals.want([leftover(1), leftover(2)])
    const stopped = removals.stop()
    ends[0]!()
    await stopped
    removals.want([leftover(3)])
    expect(begun).to.deep.equal(['1 on path'])
  })
})
