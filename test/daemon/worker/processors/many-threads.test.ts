import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import type { ProcessorObserver } from '../../../../daemon/worker/processors/observer.js'
import type { Processors } from '../../../../daemon/worker/processors/processors.js'
import { failure, hastyClock, OpenProcessors, play, scripted, scriptedFor } from './scripted.js'
import { STAGE_TASKS } from './stage-tasks.js'

describe('many threads on shared processors', () => {
  const open = new OpenProcessors()
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-threads-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  /** The highest number of tasks that a file of `begin` and `end` lines shows at once. */
  async function mostAtOnce(file: string): Promise<number> {
    let [running, most] = [0, 0]
    for (const line of (await readFile(file, 'utf8')).trim().split('\n')) {
      running += line.startsWith('begin') ? 1 : -1
      most = Math.max(most, running)
    }
    return most
  }

  async function limited(processors: Processors, work: () => Promise<unknown>): Promise<void> {
    const release = await processors.acquire('c2')
    try {
      await work()
    } finally {
      release()
    }
  }

  it('50 threads with limits, locks and several children all finish, and no limit is passed', async function () {
    this.timeout(120_000)
    const file = path.join(directory, 'order')
    const processors = open.create({
      children: {
        c2: [
          scripted({ concurrent: 2, locks: ['gpu0'] }),
          scripted({ concurrent: 2, locks: ['gpu1', 'gpu0'] }),
          scripted({ locks: ['gpu1'], weight: 3 }),
        ],
        tree_d: [scriptedFor('tree_d', 'echo', { locks: ['gpu0', 'gpu1'] })],
      },
      limitation: { concurrent: { c2: 20 }, staggered: {} },
      extLocks: { gpu0: 1, gpu1: 2 },
    })
    await processors.ready()
    const finished = await Promise.all(
      Array.from({ length: 50 }, async (_, thread) => {
        for (let task = 0; task < 3; task += 1) {
          await limited(processors, () => play(processors, { do: 'during', file, ms: 1 }))
          expect(await processors.run('tree_d', STAGE_TASKS.tree_d)).to.equal(true)
        }
        return thread
      }),
    )
    expect(finished).to.have.length(50)
    expect(await mostAtOnce(file)).to.be.within(1, 3)
  })

  it('S004-66: two children that name the same locks in reverse order never lock each other up', async () => {
    const file = path.join(directory, 'order')
    const locks = ['a', 'b']
    const processors = open.create({
      children: { c2: [scripted({ locks }), scripted({ locks: [...locks].reverse() })] },
      extLocks: { a: 1, b: 1 },
    })
    await Promise.all(Array.from({ length: 30 }, () => play(processors, { do: 'during', file, ms: 1 })))
    expect(await mostAtOnce(file)).to.equal(1)
  })

  it('S004-68: with gpu = 1, two stages that both lock it never run at the same time', async () => {
    const file = path.join(directory, 'order')
    const child = { locks: ['gpu'], envs: { ORDER_FILE: file } }
    const processors = open.create({
      children: { c2: [scripted(child)], tree_d: [scriptedFor('tree_d', 'during', child)] },
      extLocks: { gpu: 1 },
    })
    await processors.ready()
    const work = [() => play(processors, { do: 'during', ms: 2 }), () => processors.run('tree_d', STAGE_TASKS.tree_d)]
    await Promise.all(Array.from({ length: 20 }, (_, index) => work[index % 2]!()))
    expect(await mostAtOnce(file)).to.equal(1)
    expect(new Set((await readFile(file, 'utf8')).match(/\S+$/gm))).to.deep.equal(new Set(['c2', 'tree_d']))
  })

  it('a window PoSt gets the GPU before the C2 and PC2 that wait in children of the same worker, C2 before PC2', async () => {
    const file = path.join(directory, 'order')
    const child = { locks: ['gpu'], envs: { ORDER_FILE: file } }
    const processors = open.create({
      children: {
        c2: [scripted(child)],
        pc2: [scriptedFor('pc2', 'during', child)],
        window_post: [scriptedFor('window_post', 'during', child)],
      },
      extLocks: { gpu: 1 },
    })
    await processors.ready()
    const first = play(processors, { do: 'during', ms: 50 })
    const rest = (['pc2', 'pc2'] as const).map(stage => processors.run(stage, STAGE_TASKS[stage]))
    const c2 = [play(processors, { do: 'during', ms: 2 }), play(processors, { do: 'during', ms: 2 })]
    const post = processors.run('window_post', STAGE_TASKS.window_post)
    await Promise.allSettled([first, ...rest, ...c2, post])
    const began = (await readFile(file, 'utf8')).match(/\S+$/gm)!.filter((_, index) => index % 2 === 0)
    expect(began).to.deep.equal(['c2', 'window_post', 'c2', 'c2', 'pc2', 'pc2'])
  })

  it('S004-69: with two GPUs and two children of each stage, two tasks run at once, one on each GPU', async () => {
    const file = path.join(directory, 'order')
    const processors = open.create({
      children: { c2: [scripted({ locks: ['gpu1'] }), scripted({ locks: ['gpu2'] })] },
      extLocks: { gpu1: 1, gpu2: 1 },
    })
    await processors.ready()
    await Promise.all(Array.from({ length: 8 }, () => play(processors, { do: 'during', file, ms: 30 })))
    expect(await mostAtOnce(file)).to.equal(2)
  })

  it('S004-91 S004-92: entries of different size fill up to their sum, bounded by limitation.concurrent', async () => {
    for (const [limit, expected] of [
      [29, 5],
      [4, 4],
    ] as const) {
      const file = path.join(directory, `order-${limit}`)
      const processors = open.create({
        children: { c2: [scripted({ concurrent: 2 }), scripted({ concurrent: 3 })] },
        limitation: { concurrent: { c2: limit }, staggered: {} },
      })
      await processors.ready()
      const work = () => play(processors, { do: 'during', file, ms: 50 })
      await Promise.all(Array.from({ length: 15 }, () => limited(processors, work)))
      expect(await mostAtOnce(file)).to.equal(expected)
    }
  })

  it('tells the observer of waits, work, restarts and progress', async () => {
    const seen: string[] = []
    const observer: ProcessorObserver = {
      stageEnded: (stage, tookMs, result) => void seen.push(`${stage} ${result} ${tookMs >= 0}`),
      limitWaited: (limit, tookMs) => void seen.push(`limit ${limit} ${tookMs >= 0}`),
      childWaited: (stage, tookMs) => void seen.push(`child ${stage} ${tookMs >= 0}`),
      childRestarted: stage => void seen.push(`restarted ${stage}`),
      progressed: (stage, sector, { done }) => void seen.push(`progress ${stage} ${sector} ${done}`),
    }
    const processors = open.create({ children: { c2: [scripted()] } }, { observer, clock: hastyClock })
    ;(await processors.acquire('c2'))()
    await play(processors, { do: 'progress', steps: [0.5] }, { sector: 's-t01000-7' })
    await failure(play(processors, { do: 'crash' }))
    await play(processors, { do: 'echo' })
    expect(seen.filter(line => line === 'restarted c2')).to.have.length(1)
    expect(seen.filter(line => line !== 'restarted c2')).to.deep.equal([
      'limit c2 true',
      'child c2 true',
      'progress c2 s-t01000-7 0.5',
      'c2 done true',
      'child c2 true',
      'c2 failed true',
      'child c2 true',
      'c2 done true',
    ])
  })
})
