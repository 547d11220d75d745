import { expect } from 'chai'
import { Admission } from '../../../../daemon/kit/processors/admission.js'
import { Slots, takeAll } from '../../../../daemon/kit/processors/slots.js'
import { urgencyOf } from '../../../../daemon/kit/processors/urgency.js'
import type { StageName } from '../../../../rpc-schema/processor/stages.js'

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

  describe('time-critical work first', () => {
    /** Work of a stage that needs these, in one admission. */
    function work(admission: Admission, order: StageName[], stage: StageName, needs: readonly Slots[]) {
      const entered = admission
        .acquire(reserved => (!needs.some(slots => reserved.has(slots)) && takeAll(needs) ? needs : undefined), {
          urgency: urgencyOf(stage),
          wants: () => needs,
        })
        .then(() => order.push(stage))
      return {
        entered,
        leave(): void {
          for (const slots of needs) slots.giveBack()
          admission.retry()
        },
      }
    }

    it('a GPU lock goes to the window PoSt, then to C2, then to PC2, whoever came first', async () => {
      const admission = new Admission()
      const gpu = new Slots(1)
      const order: StageName[] = []
      const holder = work(admission, order, 'pc2', [gpu])
      await holder.entered
      const waiting = (['snap_prove', 'pc2', 'c2', 'c2', 'window_post', 'winning_post', 'window_post'] as const).map(
        stage => work(admission, order, stage, [gpu]),
      )
      for (const each of [holder, ...waiting]) {
        each.leave()
        await settle()
      }
      expect(order.slice(1)).to.deep.equal([
        'winning_post',
        'window_post',
        'window_post',
        'c2',
        'c2',
        'pc2',
        'snap_prove',
      ])
    })

    it('what a window PoSt still lacks is kept for it from the beginning', async () => {
      const admission = new Admission()
      const [first, second] = [new Slots(1), new Slots(1)]
      const order: StageName[] = []
      const holder = work(admission, order, 'c2', [first])
      await holder.entered
      const post = work(admission, order, 'window_post', [first, second])
      const late = work(admission, order, 'c2', [second])
      await settle()
      expect(order, 'the free lock is not given to the C2').to.deep.equal(['c2'])
      holder.leave()
      await settle()
      expect(order).to.deep.equal(['c2', 'window_post'])
      post.leave()
      await late.entered
      expect(order).to.deep.equal(['c2', 'window_post', 'c2'])
    })

    it('a PC2 that was overtaken often does not hold up a window PoSt', async () => {
      const admission = new Admission()
      const [first, second] = [new Slots(1), new Slots(1)]
      const order: StageName[] = []
      const holder = work(admission, order, 'c2', [first])
      await holder.entered
      void work(admission, order, 'pc2', [first, second])
      for (let round = 0; round < 10; round += 1) {
        const c2 = work(admission, order, 'c2', [second])
        await c2.entered
        c2.leave()
      }
      await work(admission, order, 'window_post', [second]).entered
      expect(order.at(-1)).to.equal('window_post')
      expect(order).to.not.include('pc2')
    })
  })
})
