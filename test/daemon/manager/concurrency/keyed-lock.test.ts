import { expect } from 'chai'
import { DeadlineError } from '../../../../daemon/manager/concurrency/deadline.js'
import { KeyedLock } from '../../../../daemon/manager/concurrency/keyed-lock.js'

describe('manager: work on one key', () => {
  it('stays exclusive when one that waited has given up', async () => {
    const lock = new KeyedLock()
    const seen: string[] = []
    let finish = (): void => {}
    const first = lock.run('a', async () => {
      seen.push('first begins')
      await new Promise<void>(resolve => {
        finish = resolve
      })
      seen.push('first ends')
    })
    const gaveUp = await lock.run('a', async () => seen.push('never'), 1).catch((error: unknown) => error)
    expect(gaveUp).to.be.instanceOf(DeadlineError)
    const third = lock.run('a', async () => seen.push('third'))
    await lock.run('b', async () => seen.push('other key'))
    finish()
    await Promise.all([first, third])
    expect(seen).to.deep.equal(['first begins', 'other key', 'first ends', 'third'])
  })
})
