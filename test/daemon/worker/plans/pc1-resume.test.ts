import { appendFile, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { WorkerBench } from '../support/bench.js'
import { forever } from '../support/cut-points.js'

const CACHE = 'data/cache/s-t010000-1'
const MARKER = '.pc1_inputs.json'

/** PC1 writes two layers; the worker is killed when it is at `cutAt`, then something happens to the files. */
describe('PC1 cut off and started again', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const cache = (name = '') => join(bench.store, CACHE, name)
  const layer = (number: number) => cache(`sc-02-data-layer-${number}.dat`)
  const sector = () => bench.manager.sector(1)
  const finished = () =>
    bench.until(() => bench.manager.sectors.size > 0 && sector().finalized, 'the end of the sector')
  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
  const made = () => bench.processors.layersMade

  async function cutIn(at: number | 'the end'): Promise<void> {
    let held = false
    const hold = () => {
      held = true
      return forever()
    }
    bench.processors.onLayer = number => (number === at ? hold() : undefined)
    bench.processors.gate((call, when) => {
      if (at === 'the end' && call.stage === 'pc1' && when === 'after') return hold()
    })
    await bench.start()
    await bench.until(() => held)
    await bench.stop()
    bench.processors.onLayer = undefined
    bench.processors.gate(undefined)
    made().length = 0
  }

  async function goOn(): Promise<void> {
    await bench.start()
    await finished()
    expect(sector().abortReason).to.equal(undefined)
    expect(sector().preCommits).to.have.length(1)
    expect(sector().tickets).to.have.length(1)
  }

  async function changeMarker(change: object): Promise<void> {
    const marker = JSON.parse(await readFile(cache(MARKER), 'utf8'))
    await writeFile(cache(MARKER), JSON.stringify({ ...marker, ...change }))
  }

  it('keeps a whole layer', async () => {
    await cutIn(2)
    const before = (await stat(layer(1))).mtimeMs
    let after: number | undefined
    bench.processors.onLayer = async () => {
      after = (await stat(layer(1))).mtimeMs
    }
    await goOn()
    expect(made()).to.deep.equal([2])
    expect(after).to.equal(before)
  })

  it('keeps all layers when it was at its end', async () => {
    await cutIn('the end')
    await goOn()
    expect(made()).to.deep.equal([])
  })

  it('clears everything else away', async () => {
    await cutIn('the end')
    for (const name of ['sc-02-data-layer-3..tmp', 'p_aux', '.pc2_running', 'sc-02-data-tree-c-0.dat'])
      await writeFile(cache(name), 'left')
    let found: string[] | undefined
    bench.processors.gate(async (call, when) => {
      if (call.stage === 'pc1' && when === 'before') found = (await readdir(cache())).sort()
    })
    await goOn()
    expect(found).to.deep.equal([MARKER, 'sc-02-data-layer-1.dat', 'sc-02-data-layer-2.dat', 'sc-02-data-tree-d.dat'])
  })

  for (const [what, change, expected] of [
    ['a layer of the wrong size', () => truncate(layer(1), 2_000), [1, 2]],
    ['a layer that is too long', () => appendFile(layer(2), 'x'), [2]],
    ['a gap', () => rm(layer(1)), [1, 2]],
    ['no marker', () => rm(cache(MARKER)), [1, 2]],
    ['a broken marker', () => writeFile(cache(MARKER), '{'), [1, 2]],
    ['a marker of another ticket', () => changeMarker({ ticket: '00'.repeat(32) }), [1, 2]],
    ['a marker of other data', () => changeMarker({ comm_d: '00'.repeat(32) }), [1, 2]],
    ['a marker of another miner', () => changeMarker({ prover_id: '00'.repeat(32) }), [1, 2]],
    ['a marker of another number', () => changeMarker({ sector: 2 }), [1, 2]],
    ['a marker of another proof', () => changeMarker({ seal_proof: 'StackedDrg2KiBV1' }), [1, 2]],
    [
      'another boot of the machine: the newest layer may not have reached the disk',
      () => changeMarker({ boot: 'x' }),
      [2],
    ],
    ['a machine that does not tell its boots', () => changeMarker({ boot: '' }), [2]],
  ] as [string, () => Promise<void>, number[]][]) {
    it(`finds ${what}`, async () => {
      await cutIn('the end')
      await change()
      await goOn()
      expect(made()).to.deep.equal(expected)
    })
  }

  it('starts over with a new ticket when the operator asks for one', async () => {
    await cutIn('the end')
    bench.processors.gate(call => {
      if (call.stage === 'pc1') throw new SealError('permanent', 'broken')
    })
    await bench.start()
    await paused()
    bench.processors.gate(undefined)
    await bench.thread.resume('TreeDBuilt')
    await finished()
    expect(sector().tickets).to.have.length(2)
    expect(made()).to.deep.equal([1, 2])
  })

  it('trusts kept layers no more once PC1 fails on them', async () => {
    await cutIn(2)
    bench.processors.onLayer = () => {
      throw new SealError('permanent', 'layer 1 makes no sense')
    }
    await bench.start()
    await paused()
    bench.processors.onLayer = undefined
    made().length = 0
    await bench.thread.resume()
    await finished()
    expect(made()).to.deep.equal([1, 2])
  })

  it('still trusts them when PC1 got further before it failed', async () => {
    await cutIn(2)
    bench.processors.gate((call, when) => {
      if (call.stage === 'pc1' && when === 'after') throw new SealError('permanent', 'killed')
    })
    await bench.start()
    await paused()
    bench.processors.gate(undefined)
    made().length = 0
    await bench.thread.resume()
    await finished()
    expect(made()).to.deep.equal([])
  })
})

describe('PC2 cut off and started again', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.sealing += '\nverify_after_pc2 = true'
  })
  afterEach(() => bench.close())

  const sector = () => bench.manager.sector(1)
  const finished = () =>
    bench.until(() => bench.manager.sectors.size > 0 && sector().finalized, 'the end of the sector')

  async function cutInCheck(): Promise<void> {
    let held = false
    bench.processors.gate((call, when) => {
      if (call.stage !== 'c1' || when !== 'before') return
      held = true
      return forever()
    })
    await bench.start()
    await bench.until(() => held)
    await bench.stop()
    bench.processors.gate(undefined)
  }

  it('is not repeated when it was at its end: its check is', async () => {
    await cutInCheck()
    await bench.start()
    await finished()
    expect(bench.processors.ran('pc2')).to.have.length(1)
    expect(bench.processors.ran('c1')).to.have.length(2)
  })

  it('is repeated when what it made is not there any more', async () => {
    await cutInCheck()
    await rm(join(bench.store, CACHE, 't_aux'))
    await bench.start()
    await finished()
    expect(bench.processors.ran('pc2')).to.have.length(2)
  })

  it('is repeated when what it made did not stand the check', async () => {
    let fails = true
    bench.processors.gate(call => {
      if (call.stage !== 'c1' || !fails) return
      fails = false
      throw new SealError('permanent', 'a bad tree')
    })
    await bench.start()
    await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused')
    await bench.thread.resume()
    await finished()
    expect(bench.processors.ran('pc2')).to.have.length(2)
  })
})
