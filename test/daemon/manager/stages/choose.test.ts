import { expect } from 'chai'
import { choose } from '../../../../daemon/manager/stages/scheduler/choose.js'
import { explain } from '../../../../daemon/manager/stages/scheduler/explain.js'
import type { TaskView, World } from '../../../../daemon/manager/stages/scheduler/world.js'
import { GIB, HOUR, MINUTE, path, running, SIZE_32, task, worker, world } from './world-under-test.js'

const chosen = (who: string, of: World): string | undefined => choose(who, of)?.task.id
const why = (of: World, waiting: TaskView): string => explain(waiting, of).why

describe('manager: which stage worker gets which task', () => {
  const A = worker('A')

  it('gives a worker only the kinds that it does', () => {
    const onlyC2 = worker('A', { kinds: new Set(['C2']) })
    const of = world({ workers: [onlyC2], waiting: [task('PC1')] })
    expect(chosen('A', of)).to.equal(undefined)
    expect(why(of, task('PC1'))).to.equal('none of 1 workers does PC1')
    expect(explain(task('PC1'), of).change).to.contain('`--precommit1`')
  })

  it('gives what is the nearest to its end first, then the oldest', () => {
    const waiting = [
      task('PC1', { id: 'young', readyAt: 5 }),
      task('PC1', { id: 'old', readyAt: 3 }),
      task('C1', { id: 'late', readyAt: 9 }),
    ]
    expect(chosen('A', world({ now: 10, workers: [A], waiting }))).to.equal('late')
    expect(chosen('A', world({ now: 10, workers: [A], waiting: waiting.slice(0, 2) }))).to.equal('old')
  })

  it('lets nothing wait for ever: beyond all patience the oldest comes first whatever it is', () => {
    const waiting = [task('PC1', { id: 'forgotten', readyAt: 0 }), task('C1', { id: 'fresh', readyAt: 7 * HOUR })]
    expect(chosen('A', world({ now: 7 * HOUR, workers: [A], waiting }))).to.equal('forgotten')
  })

  it('takes nothing while a worker is to be quiet, but tells so', () => {
    const of = world({ workers: [{ ...A, quiet: true }], waiting: [task('PC1')] })
    expect(chosen('A', of)).to.equal(undefined)
    expect(why(of, task('PC1'))).to.contain('quiet')
  })

  describe('memory first', () => {
    const pc1s = (size: number, at: number) =>
      Array.from({ length: at }, () => running('PC1', 'A', { sectorSize: size, path: 'path of A' }))
    const oneMore = (size: number, memory: number, at: number): string | undefined => {
      const waiting = [task('PC1', { sectorSize: size })]
      return chosen('A', world({ workers: [worker('A', { memoryBytes: memory })], running: pc1s(size, at), waiting }))
    }

    it('56 GiB once and 64 GiB for each sector of 32 GiB (S002-34)', () => {
      expect(oneMore(SIZE_32, (56 + 3 * 64) * GIB, 2)).to.not.equal(undefined)
      expect(oneMore(SIZE_32, (56 + 3 * 64) * GIB, 3)).to.equal(undefined)
      expect(oneMore(SIZE_32, (56 + 3 * 64) * GIB - 1, 2)).to.equal(undefined)
    })

    it('112 GiB once and 128 GiB for each of 64 GiB: 7 in 1 TiB, as the deployment plan reckons (S002-36, S002-38)', () => {
      expect(oneMore(2 * SIZE_32, 1024 * GIB, 6)).to.not.equal(undefined)
      expect(oneMore(2 * SIZE_32, 1024 * GIB, 7)).to.equal(undefined)
    })

    it('counts all workers of a machine together', () => {
      const machine = 'm'
      const workers = [
        worker('A', { machine, memoryBytes: 120 * GIB }),
        worker('B', { machine, memoryBytes: 120 * GIB }),
      ]
      const waiting = [task('PC1', { place: 'path of B' })]
      expect(chosen('B', world({ workers, waiting }))).to.not.equal(undefined)
      const of = world({ workers, running: [running('PC1', 'A')], waiting })
      expect(chosen('B', of)).to.equal(undefined)
      expect(why(of, waiting[0]!)).to.equal('B would need 184GiB of memory on m with what runs there, which has 120GiB')
    })

    it('is kept for a large task that has waited too long: small ones do not slip past it', () => {
      const small = worker('A', { memoryBytes: 130 * GIB })
      const waiting = [task('PC1', { id: 'large' }), task('PC2', { id: 'small', readyAt: 7 * HOUR })]
      const aps = [running('AP', 'A'), running('AP', 'A')]
      const slipping = world({ now: 5 * HOUR, workers: [small], running: aps, waiting })
      expect(chosen('A', slipping)).to.equal('small')
      expect(chosen('A', { ...slipping, now: 8 * HOUR })).to.equal(undefined)
      expect(chosen('A', { ...slipping, now: 8 * HOUR, running: [] })).to.equal('large')
    })

    it('does not keep light tasks waiting', () => {
      const waiting = [task('PC1', { id: 'large' }), task('WAIT', { id: 'light', readyAt: 7 * HOUR })]
      const workers = [worker('A', { memoryBytes: 130 * GIB })]
      expect(chosen('A', world({ now: 8 * HOUR, workers, running: [running('PC2', 'A')], waiting }))).to.equal('light')
    })
  })

  describe('a GPU goes to wdPoSt before C2 before P2 (S002-40)', () => {
    const withGpu = worker('A', { gpus: ['0'] })

    it('neither gets it while a window is proven on the machine', () => {
      const of = world({ workers: [{ ...withGpu, posting: true }], waiting: [task('C2'), task('PC2')] })
      expect(chosen('A', of)).to.equal(undefined)
      expect(why(of, task('C2'))).to.contain('to the proof that is due')
    })

    it('P2 leaves it to a C2 that waits for it', () => {
      const p2 = worker('B', { machine: withGpu.machine, gpus: ['0'], kinds: new Set(['PC2']) })
      const waiting = [task('PC2', { place: 'path of B' }), task('C2')]
      expect(chosen('B', world({ workers: [withGpu, p2], waiting }))).to.equal(undefined)
      expect(chosen('B', world({ workers: [withGpu, p2], waiting: waiting.slice(0, 1) }))).to.not.equal(undefined)
    })

    it('one task at a time has it, also of another worker of the machine', () => {
      const other = worker('B', { machine: withGpu.machine, gpus: ['0'] })
      const of = world({ workers: [withGpu, other], running: [running('C2', 'B')], waiting: [task('C2')] })
      expect(chosen('A', of)).to.equal(undefined)
    })

    it('a worker without one works on its cores, whoever has the GPU', () => {
      const cpu = worker('B', { machine: withGpu.machine })
      const waiting = [task('PC2', { place: 'path of B' })]
      const of = world({ workers: [withGpu, cpu], running: [running('C2', 'A')], waiting })
      expect(chosen('B', of)).to.not.equal(undefined)
    })
  })

  describe('where the files are', () => {
    const B = worker('B')

    it('a worker that has them comes before one with idle cores; after some patience they are copied', () => {
      const waiting = [task('PC2')]
      const of = world({ workers: [A, B], waiting })
      expect(chosen('B', of)).to.equal(undefined)
      expect(choose('A', of)?.placement).to.deep.equal({ path: 'path of A', fetchFrom: null })
      expect(choose('B', { ...of, now: 11 * MINUTE })?.placement).to.deep.equal({
        path: 'path of B',
        fetchFrom: 'path of A',
      })
    })

    it('one that nobody near would take is copied at once, at most ParallelFetchLimit at a time (S002-12)', () => {
      const noP2 = { ...A, kinds: new Set(['PC1'] as const) }
      const two = worker('B', { fetchLimit: 2 })
      const fetches = running('PC2', 'B', { fetches: true })
      const at = (copies: number) =>
        world({
          workers: [noP2, { ...two, gpus: ['0', '1', '2'] }],
          running: Array(copies).fill(fetches),
          waiting: [task('PC2')],
        })
      expect(chosen('B', at(1))).to.not.equal(undefined)
      expect(chosen('B', at(2))).to.equal(undefined)
      expect(why(at(2), task('PC2'))).to.contain('ParallelFetchLimit')
    })

    it('workers that share the path need no copy (S002-31)', () => {
      const shared = worker('B', { paths: A.paths })
      expect(choose('B', world({ workers: [A, shared], waiting: [task('C1')] }))?.placement.fetchFrom).to.equal(null)
    })

    it('a C2 needs no path, only what C1 has answered', () => {
      const bare = worker('B', { paths: [] })
      expect(choose('B', world({ workers: [A, bare], waiting: [task('C2')] }))?.placement).to.deep.equal({
        path: null,
        fetchFrom: 'path of A',
      })
    })

    it('files whose path nobody has any more keep the task where it is, and are told of', () => {
      const of = world({ workers: [B], waiting: [task('PC2')] })
      expect(chosen('B', of)).to.equal(undefined)
      expect(why(of, task('PC2'))).to.equal(
        'B cannot get the files: no worker that is heard of has their path path of A',
      )
      expect(explain(task('PC2'), of).change).to.contain('`sealing abort`')
    })

    it('only who has a store finalizes', () => {
      const store = worker('B', { paths: [path('store', { canSeal: false, canStore: true })] })
      const waiting = [task('FINALIZE')]
      expect(chosen('A', world({ workers: [A, store], waiting }))).to.equal(undefined)
      expect(choose('B', world({ workers: [A, store], waiting }))?.placement.fetchFrom).to.equal('path of A')
    })
  })

  describe('room on the disk', () => {
    const SECTOR = 520 * GIB
    const on = (sectors: number) =>
      worker('A', { paths: [path('path of A', { freeBytes: Math.ceil(sectors * SECTOR) })] })

    it('is there for the whole sector before it is begun, 520 GiB for 32 GiB (S002-35)', () => {
      expect(chosen('A', world({ workers: [on(1)], waiting: [task('AP')] }))).to.not.equal(undefined)
      expect(chosen('A', world({ workers: [on(0.99)], waiting: [task('AP')] }))).to.equal(undefined)
    })

    it('is promised to those that run and to those between two tasks', () => {
      const of = world({ workers: [on(1.9)], waiting: [task('AP')] })
      expect(chosen('A', of)).to.not.equal(undefined)
      expect(chosen('A', { ...of, running: [running('AP', 'A', { path: 'path of A' })] })).to.equal(undefined)
      const resting = [{ path: 'path of A', kind: 'PC1' as const, sectorSize: SIZE_32 }]
      expect(chosen('A', { ...of, workers: [on(1.8)], resting })).to.equal(undefined)
      expect(chosen('A', { ...of, workers: [on(1.9)], resting })).to.not.equal(undefined)
    })
  })

  it('never more PC1 than cores, and one task at a time on all of them', () => {
    const two = worker('A', { cores: 2 })
    const pc1 = running('PC1', 'A')
    expect(chosen('A', world({ workers: [two], running: [pc1], waiting: [task('PC1')] }))).to.not.equal(undefined)
    expect(chosen('A', world({ workers: [two], running: [pc1, pc1], waiting: [task('PC1')] }))).to.equal(undefined)
    const pc2 = world({ workers: [two], running: [running('PC2', 'A')], waiting: [task('PC2')] })
    expect(chosen('A', pc2)).to.equal(undefined)
  })

  it('tells of a task that is only not at its turn', () => {
    const waiting = [task('C1', { id: 'first' }), task('PC1', { id: 'second' })]
    const of = world({ workers: [A], waiting })
    expect(why(of, waiting[0]!)).to.equal('A can take it and has not asked yet')
    expect(why(of, waiting[1]!)).to.equal('A can take it, 1 task is before it')
    expect(why(world({ waiting }), waiting[0]!)).to.equal('no stage worker has been heard of')
  })
})
