import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import type { ProverMethod, RunningCall } from '../../../plugins/prover/calls.js'
import { treeCFiles, treeRLastFiles } from '../../../plugins/stages/cache-files.js'
import { encodeProgress, layersProgress, treesProgress } from '../../../plugins/stages/seal-progress.js'
import { withSignsOfLife } from '../../../plugins/stages/signs-of-life.js'
import type { StageContext } from '../../../plugins/stages/stage-context.js'
import { treeD } from '../../../plugins/stages/tree-d.js'
import { unseal } from '../../../plugins/stages/unseal.js'
import { watched } from '../../../plugins/stages/watched-progress.js'
import type { Progress } from '../../../rpc-schema/processor/frames.js'
import { fakeProver, stageContext } from './context.js'

const GIB = 1024 ** 3
const SECTOR = 2048
const SEAL_PROOF = 5

describe('progress of native stages', () => {
  let root: string
  const at = (...names: string[]): string => path.join(root, ...names)
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'sealyard-progress-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  /** Reports to be awaited one by one. */
  function reports() {
    const seen: Progress[] = []
    const waiting: (() => void)[] = []
    const onProgress = (progress: Progress): void => {
      seen.push(progress)
      waiting.shift()?.()
    }
    const next = async (): Promise<Progress> => {
      while (seen.length === 0) await new Promise<void>(resolve => waiting.push(resolve))
      return seen.shift()!
    }
    return { onProgress, next, seen }
  }

  it('reports what is seen of a call, when it moves, and never backwards', async () => {
    const { onProgress, next, seen } = reports()
    let now: Progress | undefined
    let looks = 0
    const look = () => {
      looks += 1
      if (now?.step === 'broken') throw new Error('nothing there')
      return now
    }
    let finish = (_: string) => {}
    const call = watched(
      stageContext({ onProgress, lookMs: 1 }),
      look,
      () => new Promise<string>(resolve => (finish = resolve)),
    )
    const looked = async () => {
      for (const until = looks + 3; looks < until; ) await new Promise(setImmediate)
    }
    await looked()
    for (const done of [0, 0.5, 0.2, 0.7]) {
      now = { done, step: 'a' }
      if (done === 0.2) await looked()
      else expect(await next()).to.deep.equal({ done, step: 'a' })
    }
    now = { step: 'broken' }
    await looked()
    now = { done: 0.6, step: 'b' }
    expect(await next(), 'a new step, but not less').to.deep.equal({ done: 0.7, step: 'b' })
    finish('result')
    expect(await call).to.equal('result')
    expect(seen).to.deep.equal([])
  })

  it('counts the whole layers of PC1', async () => {
    const layer = (name: string, bytes: number) => writeFile(at(name), Buffer.alloc(bytes))
    expect(await layersProgress(at('nowhere'), SECTOR)).to.deep.equal({ done: 0, step: 'layer 1/2' })
    await layer('sc-02-data-layer-1..tmp', SECTOR)
    expect(await layersProgress(root, SECTOR)).to.deep.equal({ done: 0, step: 'layer 1/2' })
    await rename(at('sc-02-data-layer-1..tmp'), at('sc-02-data-layer-1.dat'))
    await layer('sc-02-data-layer-2.dat', 100)
    expect(await layersProgress(root, SECTOR)).to.deep.equal({ done: 0.5, step: 'layer 2/2' })
    await layer('sc-02-data-layer-2.dat', SECTOR)
    expect(await layersProgress(root, SECTOR)).to.deep.equal({ done: 1, step: 'layer 2/2' })
    expect((await layersProgress(root, 32 * GIB)).step).to.equal('layer 1/11')
  })

  it('measures the trees of PC2, and those of a snap-up', async () => {
    expect([treeCFiles(32 * GIB).length, treeRLastFiles(64 * GIB).length]).to.deep.equal([8, 16])
    const sector = 8 << 20
    expect(await treesProgress(root, sector)).to.deep.equal({ done: 0, step: 'tree-c' })
    await writeFile(at('sc-02-data-tree-c.dat'), Buffer.alloc(sector / 2, 1))
    const { done } = await treesProgress(root, sector)
    expect(done).to.be.within(0.2, 0.23)
    await writeFile(at('sc-02-data-tree-r-last.dat'), '')
    expect(await treesProgress(root, sector)).to.deep.equal({ done: 0.5, step: 'tree-r-last 1/1' })

    await mkdir(at('update-cache'))
    await writeFile(at('update'), Buffer.alloc(sector / 2, 1))
    const encoding = await encodeProgress(at('update'), at('update-cache'), sector)
    expect([encoding.done, encoding.step]).to.deep.equal([0.25, 'encode'])
    await writeFile(at('update-cache', 'sc-02-data-tree-r-last.dat'), '')
    expect(await encodeProgress(at('update'), at('update-cache'), sector)).to.deep.equal({
      done: 0.5,
      step: 'tree-r-last 1/1',
    })
  })

  /** A prover whose calls end when they are told to, and that counts bytes as it is told to. */
  function steered(method: ProverMethod, result: object) {
    let finish = () => {}
    let calls: RunningCall[] = []
    const answer = () => new Promise<never>(resolve => (finish = () => resolve(result as never)))
    const prover = { ...fakeProver({ [method]: answer }), running: () => calls }
    return { prover, finish: () => finish(), count: (call: RunningCall) => (calls = [call]) }
  }

  it('of tree-d is what the addon counts', async () => {
    await writeFile(at('staged'), '')
    const { onProgress, next } = reports()
    const { prover, finish, count } = steered('treeD', { commD: new Uint8Array(32) })
    const context: StageContext = stageContext({ prover, onProgress, lookMs: 1 })
    const building = treeD({ registered_proof: SEAL_PROOF, staged_file: at('staged'), cache_dir: at('cache') }, context)
    count({ path: `${root}/cache//sc-02-data-tree-d.dat`, doneBytes: 512, totalBytes: 2048 })
    expect(await next()).to.deep.equal({ done: 0.25 })
    finish()
    expect(await building).to.equal(true)
  })

  it('of unsealing is its layers, then the decoded bytes', async () => {
    await writeFile(at('sealed'), '')
    const { onProgress, next } = reports()
    const { prover, finish, count } = steered('unseal', { bytesWritten: 5 })
    const bytes32 = new Uint8Array(32)
    const unsealing = unseal(
      {
        registered_proof: SEAL_PROOF,
        prover_id: bytes32,
        sector_id: 1,
        comm_d: bytes32,
        ticket: bytes32,
        cache_dir: at('cache'),
        sealed_file: at('sealed'),
        unsealed_output: at('out'),
        offset: 0,
        num_bytes: 5,
      },
      stageContext({ prover, onProgress, lookMs: 1 }),
    )
    expect(await next()).to.deep.equal({ done: 0, step: 'layer 1/2' })
    await mkdir(at('.out.part.cache'))
    const key = at('.out.part.cache', 'sc-02-data-unseal-key.dat')
    await writeFile(`${key}.tmp`, 'layer 1')
    await rename(`${key}.tmp`, key)
    expect(await next()).to.deep.equal({ done: 1 / 3, step: 'layer 2/2' })
    await writeFile(`${key}.tmp`, 'layer 2')
    await rename(`${key}.tmp`, key)
    expect(await next()).to.deep.equal({ done: 2 / 3, step: 'layer 2/2' })
    count({ path: at('.out.part'), doneBytes: 1, totalBytes: 4 })
    expect(await next()).to.deep.equal({ done: 2.25 / 3, step: 'decode' })
    await writeFile(at('.out.part'), 'hello')
    finish()
    expect(await unsealing).to.equal(5)
  })

  it('signs of life come from a process that computes, not from one that waits', async () => {
    const { onProgress, next, seen } = reports()
    let cpu = 0
    let asked = 0
    const cpuMs = () => {
      asked += 1
      return cpu
    }
    let finish = () => {}
    const work = () => new Promise<void>(resolve => (finish = resolve))
    const running = withSignsOfLife('c2', onProgress, work, { everyMs: 1, cpuMs })
    while (asked < 5) await new Promise(setImmediate)
    expect(seen).to.deep.equal([])
    cpu += 1
    expect(await next()).to.deep.equal({})
    while (asked < 10) await new Promise(setImmediate)
    expect(seen).to.deep.equal([])
    finish()
    await running

    const transferring = withSignsOfLife('transfer', onProgress, work, { everyMs: 1, cpuMs: () => (cpu += 1) })
    await new Promise(resolve => setImmediate(resolve))
    finish()
    await transferring
    expect(seen, 'a copy speaks for itself').to.deep.equal([])
  })
})
