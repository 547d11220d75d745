import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { PosterParts } from '../../../../daemon/manager/post/poster-parts.js'
import { WindowNotes } from '../../../../daemon/manager/post/window-record.js'
import { WindowRun } from '../../../../daemon/manager/post/window-run.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { FakeClock } from '../../worker/support/fake-clock.js'
import { postSettings } from './post-simulation.js'

const window = newDeadlineInfo(10_000, 3, 10_100)
const at = (height: number): TipSet => ({ Height: height, Cids: [] }) as never

describe('the run of a window', () => {
  /** How often the chain was asked for the challenge, each time the beginning of a pass; and how each of them ends. */
  const passes: { fail(why: string): void }[] = []
  const clock = new FakeClock()
  const parts = {
    randomness: {
      windowPoStChallenge: () => new Promise((_, reject) => passes.push({ fail: why => reject(new Error(why)) })),
    },
    settings: () => postSettings(),
    clock,
    log: silentLog,
  } as unknown as PosterParts
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  const begun = async (): Promise<WindowRun> => {
    passes.length = 0
    const notes = new WindowNotes({ Steps: [] } as never, clock, async () => {})
    const run = new WindowRun(parts, 1000, window, notes)
    run.onHead(at(window.Challenge + 10), undefined)
    await turns()
    return run
  }

  it('asked to look again while a pass goes on, it begins no second one beside it', async () => {
    const run = await begun()
    run.lookAgain(at(window.Open))
    run.onHead(at(window.Open + 1), undefined)
    await turns()
    expect([run.state, passes.length]).to.deep.equal(['working', 1])
    passes[0]!.fail('the node is away')
    await turns()
    expect([run.state, passes.length]).to.deep.equal(['resting', 1])
    run.onHead(at(window.Open + 2), undefined)
    await turns()
    expect([run.state, passes.length]).to.deep.equal(['working', 2])
  })

  it('looked at again when it was done, it goes on', async () => {
    const run = await begun()
    passes[0]!.fail('the node is away')
    await turns()
    run.lookAgain(at(window.Open))
    run.onHead(at(window.Open + 1), undefined)
    await turns()
    expect(passes.length).to.equal(2)
  })
})
