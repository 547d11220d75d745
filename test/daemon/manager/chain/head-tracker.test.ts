import { expect } from 'chai'
import type { CID } from 'multiformats/cid'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import { type HeadMove, HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import type { HeadChange, TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { ValueQueue } from '../../../../rpc-schema/rpc/value-queue.js'
import { chainCid } from '../../../../rpc-schema/wire/cid.js'
import { eventually } from '../../../harness/eventually.js'
import { fastClock } from '../manager-bench.js'

/** Forks of tipsets, by name; each name is on top of another. */
class Forks {
  readonly #tipsets = new Map<string, TipSet>()
  head = ''

  add(name: string, height: number, parent?: string): TipSet {
    const cid = chainCid(new TextEncoder().encode(name))
    const Parents = parent === undefined ? [] : this.get(parent).Cids
    const tipset = { Cids: [cid], Blocks: [{ Parents, Height: height }], Height: height } as unknown as TipSet
    this.#tipsets.set(name, tipset)
    return tipset
  }

  get(name: string): TipSet {
    return this.#tipsets.get(name)!
  }

  byKey(key: readonly CID[]): TipSet {
    return [...this.#tipsets.values()].find(tipset => tipset.Cids[0]!.equals(key[0]))!
  }

  atHeight(height: number, key: readonly CID[]): TipSet {
    let at = this.byKey(key)
    while (at.Height > height) at = this.byKey(at.Blocks[0]!.Parents)
    return at
  }
}

function makeForks(): Forks {
  const forks = new Forks()
  forks.add('a1', 1)
  forks.add('a2', 2, 'a1')
  forks.add('a3', 3, 'a2')
  forks.add('a5', 5, 'a3')
  forks.add('b3', 3, 'a2')
  forks.add('b4', 4, 'b3')
  forks.add('b6', 6, 'b4')
  return forks
}

function tracker(forks: Forks, streams: ValueQueue<HeadChange[]>[] = []) {
  const moves: (readonly [number, number | undefined])[] = []
  const node = {
    hasStreams: streams.length > 0,
    api: {
      ChainHead: async () => forks.get(forks.head),
      ChainGetTipSet: async (key: CID[]) => forks.byKey(key),
      ChainGetTipSetByHeight: async (height: number, key: CID[]) => forks.atHeight(height, key),
      ChainNotify: async () => streams.shift() ?? new ValueQueue<HeadChange[]>(),
    },
  } as unknown as ChainNode
  const heads = new HeadTracker({ node, clock: fastClock(100), log: silentLog, maxPollMs: 1_000 })
  heads.subscribe(({ head, undoneFrom }: HeadMove) => moves.push([head.Height, undoneFrom]))
  return { heads, moves }
}

describe('manager: the head of the chain', () => {
  const ASKED: readonly (readonly [name: string, heads: string[], moves: (readonly [number, number | undefined])[]])[] =
    [
      [
        'grows by one',
        ['a1', 'a2', 'a3'],
        [
          [1, undefined],
          [2, undefined],
          [3, undefined],
        ],
      ],
      ['is the same', ['a2', 'a2'], [[2, undefined]]],
      [
        'grows over heads that were not seen, and null rounds',
        ['a1', 'a5'],
        [
          [1, undefined],
          [5, undefined],
        ],
      ],
      ['is an older one of the same chain: not taken', ['a5', 'a2', 'a5'], [[5, undefined]]],
      [
        'is on another fork, higher',
        ['a3', 'b6'],
        [
          [3, undefined],
          [6, 3],
        ],
      ],
      [
        'is on another fork, lower',
        ['a5', 'b4'],
        [
          [5, undefined],
          [4, 3],
        ],
      ],
      [
        'is a sibling',
        ['a3', 'b3'],
        [
          [3, undefined],
          [3, 3],
        ],
      ],
    ]
  for (const [name, seen, expected] of ASKED) {
    it(name, async () => {
      const forks = makeForks()
      const { heads, moves } = tracker(forks)
      for (const head of seen) {
        forks.head = head
        await heads.fresh()
      }
      expect(moves).to.deep.equal(expected)
    })
  }

  it('by subscription: reverts tell from where, a lost stream is opened again', async () => {
    const forks = makeForks()
    const change = (Type: HeadChange['Type'], name: string): HeadChange => ({ Type, Val: forks.get(name) })
    const [first, second] = [new ValueQueue<HeadChange[]>(), new ValueQueue<HeadChange[]>()]
    const { heads, moves } = tracker(forks, [first, second])
    heads.start()
    first.push([change('current', 'a2')])
    first.push([change('apply', 'a3')])
    first.push([change('revert', 'a3'), change('apply', 'b3'), change('apply', 'b4')])
    first.push([change('revert', 'b4'), change('revert', 'b3')])
    first.fail(new Error('the line is cut'))
    second.push([change('current', 'b6')])
    await eventually('five moves', 2_000, () => (moves.length >= 5 ? true : undefined))
    await heads.stop()
    expect(moves).to.deep.equal([
      [2, undefined],
      [3, undefined],
      [4, 3],
      [2, 3],
      [6, undefined],
    ])
  })

  it('a follower that fails does not keep the head from the others', async () => {
    const forks = makeForks()
    const { heads, moves } = tracker(forks)
    const before: number[] = []
    heads.subscribe(() => {
      throw new Error('a follower')
    })
    heads.subscribe(({ head }) => before.push(head.Height))
    for (const head of ['a1', 'a2']) {
      forks.head = head
      await heads.fresh()
    }
    expect([before, moves.length]).to.deep.equal([[1, 2], 2])
  })

  it('stops at once while the chain stands still, and leaves no stream open', async () => {
    const forks = makeForks()
    const open = new ValueQueue<HeadChange[]>()
    const { heads, moves } = tracker(forks, [open])
    heads.start()
    open.push([{ Type: 'current', Val: forks.get('a2') }])
    await eventually('the head', 2_000, () => (moves.length === 1 ? true : undefined))
    const start = performance.now()
    await heads.stop()
    expect(performance.now() - start).to.be.below(1_000)
    expect((await open.next()).done).to.equal(true)
  })
})
