import { expect } from 'chai'
import { Admission } from '../../../../daemon/worker/processors/admission.js'
import { Slots, takeAll } from '../../../../daemon/worker/processors/slots.js'

const settle = (): Promise<void> => new Promise(setImmediate)

describe('admission', () => {
  function lane(admission: Admission, needs: readonly Slots[]) {
    const take = (reserved: ReadonlySet<Slots>) =>
      !needs.some(slots => reserved.has(slots)) && takeAll(needs) ? needs : undefined
    return {
      enter: (signal?: AbortSignal) => admission.acquire(take, { signal, wants: () => needs }),
      leave(): void {
        for (const slots of needs) slots.giveBack()
        admission.retry()
      },
    }
  }

  it('lets nobody starve: one that needs two locks gets them though both are always wanted by others', async () => {
    const admission = new Admission()
    const [left, right] = [new Slots(1), new Slots(1)]
    const [onLeft, onRight, onBoth] = [
      lane(admission, [left]),
      lane(admission, [right]),
      lane(admission, [left, right]),
    ]
    await onLeft.enter()
    let served = false
    const both = onBoth.enter().then(() => {
      served = true
    })
    // The two take turns so that one of them always holds its lock; without a reservation this goes on for ever.
    let rounds = 0
    for (let holder = onLeft; !served && rounds < 100; rounds += 1) {
      const next = holder === onLeft ? onRight : onLeft
      const entered = next.enter().then(() => true)
      const came = await Promise.race([entered, settle().then(() => false)])
      holder.leave()
      await settle()
      if (!came) break
      holder = next
    }
    await both
    expect(rounds).to.be.within(8, 12)
  })

  it('frees what was kept for one that gives up', async () => {
    const admission = new Admission()
    const [left, right] = [new Slots(1), new Slots(1)]
    const [onLeft, onRight, onBoth] = [
      lane(admission, [left]),
      lane(admission, [right]),
      lane(admission, [left, right]),
    ]
    await onLeft.enter()
    const giveUp = new AbortController()
    const both = onBoth.enter(giveUp.signal).catch(error => error)
    for (let round = 0; round < 8; round += 1) {
      await onRight.enter()
      onRight.leave()
    }
    let served = false
    void onRight.enter().then(() => {
      served = true
    })
    await settle()
    expect(served, 'kept for the one that waits for both').to.equal(false)
    giveUp.abort(new Error('paused'))
    await settle()
    expect((await both).message).to.equal('paused')
    expect(served).to.equal(true)
    expect(admission.waiting).to.equal(0)
  })
})
