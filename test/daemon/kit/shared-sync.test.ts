import { expect } from 'chai'
import { SharedSync } from '../../../daemon/kit/shared-sync.js'

describe('a shared wait for the disk', () => {
  let begun: { end(): void; fail(error: Error): void }[]
  let shared: SharedSync
  const settled: string[] = []
  const wait = (name: string): Promise<void> =>
    shared.wait().then(
      () => void settled.push(name),
      error => void settled.push(`${name}: ${error.message}`),
    )
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

  beforeEach(() => {
    begun = []
    settled.length = 0
    shared = new SharedSync(() => new Promise((end, fail) => begun.push({ end, fail })))
  })

  it('is for those that asked before it began: who comes later gets the next one, together', async () => {
    const first = wait('first')
    const others = [wait('second'), wait('third')]
    expect(begun.length, 'one at a time').to.equal(1)
    begun[0]!.end()
    await first
    await turn()
    expect(settled).to.deep.equal(['first'])
    expect(begun.length).to.equal(2)
    const late = wait('late')
    begun[1]!.end()
    await Promise.all(others)
    await turn()
    expect(settled).to.deep.equal(['first', 'second', 'third'])
    begun[2]!.end()
    await late
  })

  it('fails for its own; the next one is begun all the same', async () => {
    const [first, second] = [wait('first'), wait('second')]
    begun[0]!.fail(new Error('the disk is gone'))
    await first
    await turn()
    begun[1]!.end()
    await second
    expect(settled).to.deep.equal(['first: the disk is gone', 'second'])
  })
})
