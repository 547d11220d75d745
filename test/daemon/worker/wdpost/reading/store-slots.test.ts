import { expect } from 'chai'
import { StoreSlots } from '../../../../../daemon/worker/wdpost/reading/store-slots.js'

const refusal = () => new Error('no slot was free')

describe('reads at the same time', () => {
  it('a store that hangs, in all jobs that read from it, leaves slots for the others', async () => {
    const slots = new StoreSlots({ all: 4, store: 3 })
    const ends: (() => void)[] = []
    const hung = Array.from({ length: 6 }, () =>
      slots.run('hangs', () => new Promise<void>(resolve => void ends.push(resolve)), 120_000, refusal),
    )
    expect(await slots.run('well', async () => 'read', 120_000, refusal)).to.equal('read')
    expect(ends).to.have.length(3)
    // Who waits for its store has its turn.
    for (let ended = 0; ended < 6; ended++) {
      ends[ended]!()
      await hung[ended]
    }
  })

  it('what gets no slot in time is not done', async () => {
    const slots = new StoreSlots({ all: 2, store: 1 })
    const ends: (() => void)[] = []
    const first = slots.run('one', () => new Promise<void>(resolve => void ends.push(resolve)), 120_000, refusal)
    let isDone = false
    const done = async (): Promise<void> => {
      isDone = true
    }
    const second = slots.run('one', done, 1, refusal)
    expect(await second.catch((error: Error) => error.message)).to.equal('no slot was free')
    expect(isDone).to.equal(false)
    ends[0]!()
    await first
    await slots.run('one', done, 120_000, refusal)
    expect(isDone).to.equal(true)
  })
})
