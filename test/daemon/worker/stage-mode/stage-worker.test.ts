import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { RPC_ERROR, RpcError } from '../../../../rpc-schema/rpc/error.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import type { StageKind } from '../../../../rpc-schema/stages/kinds.js'
import { eventually } from '../../../harness/eventually.js'
import type { StageCall } from '../support/fake-processors.js'
import { type BenchWorker, StageBench } from './stage-bench.js'

const ALL: readonly StageKind[] = ['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'C2', 'FINALIZE']
const LIMIT_MS = 60_000
const never = new Promise<never>(() => {})

describe('worker: in stage mode', function () {
  this.timeout(180_000)
  let bench: StageBench
  beforeEach(async () => {
    bench = await StageBench.make()
  })
  afterEach(() => bench.close())

  /** Machine A for AP and PC1, B1 and B2 on one path for the rest, and a sealer with a store. */
  async function cluster(): Promise<Record<'A' | 'B1' | 'B2' | 'S', BenchWorker>> {
    const A = await bench.worker('A', ['AP', 'PC1'])
    const B1 = await bench.worker('B1', ['PC2', 'C1'])
    const B2 = await bench.worker('B2', ['C2', 'C1'])
    const S = await bench.worker('S', ['WAIT', 'FINALIZE'])
    await A.attach('a')
    await B1.attach('b')
    await B2.attach('b', { make: false })
    await S.attach('store', { store: true })
    return { A, B1, B2, S }
  }

  const sectorDone = (number: number, tickets = 1): void => {
    const sector = bench.manager.sector(number)
    expect(sector.finalized, 'finalized').to.equal(true)
    expect(sector.abortReason).to.equal(undefined)
    expect(sector.preCommits, 'pre-commits').to.have.length(1)
    expect(sector.proofs, 'proofs').to.have.length(1)
    expect(sector.tickets.length, 'tickets').to.be.at.most(tickets)
  }

  it('one worker alone carries a sector to its end, and leaves nothing behind but what proofs need', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    bench.desk.sectorsToBegin = 2
    await worker.start()
    await bench.allDone()
    sectorDone(1)
    sectorDone(2)
    await eventually('an empty path', LIMIT_MS, async () => (await bench.files('a')).length === 0 || undefined)
    expect(await bench.files('store'))
      .to.include('sealed/s-t010000-1')
      .and.include('cache/s-t010000-2/p_aux')
  })

  it('a sector goes from machine to machine: fetched where it must be, left where workers share its path', async () => {
    const { A, B1, B2, S } = await cluster()
    bench.desk.sectorsToBegin = 1
    for (const worker of [A, B1, B2, S]) await worker.start()
    await bench.allDone()
    sectorDone(1)
    const stages = (worker: BenchWorker): string[] => [...new Set(worker.processors.calls.map(({ stage }) => stage))]
    expect(stages(A)).to.deep.equal(['add_pieces', 'tree_d', 'pc1'])
    expect(stages(S), 'fetched straight into the store').to.deep.equal([])
    expect([...stages(B1), ...stages(B2)]).to.include.members(['pc2', 'c1', 'c2'])
    expect(stages(B2)).to.include('c2')
    for (const path of ['a', 'b'])
      await eventually(`nothing on ${path}`, LIMIT_MS, async () => (await bench.files(path)).length === 0 || undefined)
    expect((await bench.files('store')).filter(file => !/^(sealed|cache)/.test(file))).to.deep.equal([])
  })

  describe('a worker that is killed', () => {
    const STAGES = ['add_pieces', 'tree_d', 'pc1', 'pc2', 'c1', 'c2', 'transfer'] as const
    for (const stage of STAGES)
      for (const when of ['before', 'after'] as const)
        it(`${when} ${stage}: its next process goes on, and nothing is handed in twice`, async () => {
          const { A, B1, B2, S } = await cluster()
          // Files that are not fetched are copied.
          if (stage === 'transfer') await S.attach('b', { make: false })
          const all = [A, B1, B2, S]
          bench.desk.sectorsToBegin = 1
          for (const worker of all) await worker.start()
          const hit = new Promise<BenchWorker>(resolve => {
            for (const worker of all)
              worker.processors.gate(async (call: StageCall, at) => {
                if (call.stage !== stage || at !== when) return
                resolve(worker)
                await never
              })
          })
          const victim = await hit
          await victim.kill()
          for (const worker of all) worker.processors.gate(worker === victim ? () => never : undefined)
          await victim.start()
          await bench.allDone()
          sectorDone(1)
        })
  })

  it('a worker whose claim is void leaves its work, and what it still finds out is not heard', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    bench.desk.sectorsToBegin = 1
    await worker.start()
    let open = (): void => {}
    const gate = new Promise<void>(resolve => {
      open = resolve
    })
    worker.processors.gate(async ({ stage }, when) => {
      if (stage === 'pc1' && when === 'before') await gate
    })
    const [task] = await eventually('a PC1', LIMIT_MS, async () => {
      const tasks = (await bench.desk.view.tasks()).filter(({ Kind, State }) => Kind === 'PC1' && State === 'running')
      return tasks.length > 0 ? tasks : undefined
    })
    await bench.desk.desk.abort(task!.ID, 'an operator')
    await eventually('no task', LIMIT_MS, () => worker.worker!.tasks.length === 0 || undefined)
    open()
    expect((await bench.desk.view.tasks())[0]).to.include({ State: 'parked', Error: 'an operator' })
    expect(await bench.desk.desk.retry([])).to.equal(1)
    await bench.allDone()
    sectorDone(1, 2)
  })

  it('work that a void claim has left is not begun a second time beside itself', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    bench.desk.sectorsToBegin = 1
    await worker.start()
    let open = (): void => {}
    const gate = new Promise<void>(resolve => {
      open = resolve
    })
    let atWork = 0
    let most = 0
    worker.processors.gate(async ({ stage }, when) => {
      if (stage !== 'pc1') return
      atWork += when === 'before' ? 1 : -1
      most = Math.max(most, atWork)
      if (when === 'before') await gate
    })
    const { ID } = await eventually('a PC1', LIMIT_MS, async () =>
      atWork === 0 ? undefined : (await bench.desk.view.tasks())[0],
    )
    await bench.desk.desk.abort(ID, 'an operator')
    await eventually('no task', LIMIT_MS, () => worker.worker!.tasks.length === 0 || undefined)
    await bench.desk.desk.retry([])
    await eventually('the task again', LIMIT_MS, () => worker.worker!.tasks[0]?.Activity === 'waiting' || undefined)
    expect((await bench.desk.view.tasks())[0]).to.include({ State: 'running', Kind: 'PC1' })
    open()
    await bench.allDone()
    sectorDone(1, 2)
    expect(most).to.equal(1)
  })

  it('goes on with everything else while files are removed', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    let open = (): void => {}
    bench.removed = new Promise<void>(resolve => {
      open = resolve
    })
    bench.desk.sectorsToBegin = 1
    await worker.start()
    await bench.allDone()
    await eventually('nothing of it', LIMIT_MS, async () => (await bench.files('a')).length === 0 || undefined)
    bench.desk.sectorsToBegin = 1
    await bench.allDone()
    sectorDone(2)
    expect(await bench.files('a')).not.to.deep.equal([])
    open()
    await eventually('an empty path', LIMIT_MS, async () => (await bench.files('a')).length === 0 || undefined)
  })

  it('removes nothing without asking right before: the sector may be at that path again', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    let [asked, may] = [0, false]
    bench.mayRemove = () => {
      asked++
      return may
    }
    bench.desk.sectorsToBegin = 1
    await worker.start()
    await bench.allDone()
    await eventually('two questions', LIMIT_MS, () => asked >= 2 || undefined)
    expect(await bench.files('a')).not.to.deep.equal([])
    may = true
    await eventually('an empty path', LIMIT_MS, async () => (await bench.files('a')).length === 0 || undefined)
  })

  it('S002-40: a window that is proven on the machine by anybody keeps it from beginning a PC2, also between two reports', async () => {
    const worker = await bench.worker('A', ALL)
    worker.gpus = ['0']
    // It reports when it is started and when a task ends, and then asks at once.
    worker.reportMs = 3_600_000
    await worker.attach('a')
    await worker.attach('store', { store: true })
    bench.desk.sectorsToBegin = 1
    await worker.start()
    worker.processors.gate(async ({ stage }, when) => {
      if (stage !== 'pc1' || when !== 'after') return
      // It is not told by the report that follows, and begun by the time of the claim.
      let looks = 0
      bench.posting = () => ++looks > 1
    })
    const why = await eventually('a PC2 that waits', LIMIT_MS, async () => {
      const [told] = await bench.desk.view.explain(null)
      return told?.Kind === 'PC2' && told.Why.includes('proof that is due') ? told.Why : undefined
    })
    expect(why).to.contain('leaves the GPU of machine to the proof that is due')
    expect(worker.processors.calls.some(({ stage }) => stage === 'pc2')).to.equal(false)
    bench.posting = () => false
    worker.worker!.wake()
    await eventually('a PC2', LIMIT_MS, () => worker.processors.calls.some(({ stage }) => stage === 'pc2') || undefined)
  })

  it('what fails for good is parked at once, what may go better is tried again', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    bench.desk.sectorsToBegin = 1
    let temporary = 2
    await worker.start()
    worker.processors.gate(({ stage }, when) => {
      if (stage !== 'pc2' || when === 'after') return
      if (temporary-- > 0) throw new SealError('temporary', 'the GPU is in a mood')
      throw new SealError('permanent', 'the layers are rotten')
    })
    const parked = await eventually('a parked task', LIMIT_MS, async () => {
      await bench.endPauses()
      return (await bench.desk.view.tasks()).find(({ State }) => State === 'parked')
    })
    expect(parked).to.include({ Kind: 'PC2', Attempts: 3 })
    expect(parked.Error).to.contain('the layers are rotten')
  })

  it('a path whose disk is gone keeps its sectors waiting and is told of; when it is there again they go on', async () => {
    const A = await bench.worker('A', ['AP', 'PC1'])
    await A.attach('a')
    bench.desk.sectorsToBegin = 1
    await A.start()
    await eventually('a PC2 that waits', LIMIT_MS, async () =>
      (await bench.desk.view.tasks()).some(({ Kind }) => Kind === 'PC2') ? true : undefined,
    )
    await rename(bench.path('a'), `${bench.path('a')} unmounted`)
    // Who asks before is sent to A for the files.
    await eventually('a report without the path', LIMIT_MS, async () => {
      const { workers } = await bench.desk.desk.look()
      return workers.every(({ report }) => report.Paths.length === 0) || undefined
    })
    const rest = await bench.worker('B', ['PC2', 'WAIT', 'C1', 'C2', 'FINALIZE'])
    await rest.attach('b')
    await rest.attach('store', { store: true })
    await rest.start()
    const told = await eventually('what is told', LIMIT_MS, async () => {
      const [each] = await bench.desk.view.explain(null)
      return each?.Why.includes('cannot get the files') ? each : undefined
    })
    expect(told.Why).to.match(/no worker that is heard of has their path/)
    expect((await bench.desk.view.tasks())[0]).to.include({ Attempts: 0, State: 'ready' })
    await rename(`${bench.path('a')} unmounted`, bench.path('a'))
    await bench.allDone()
    sectorDone(1)
  })

  it('what is fetched for a store replaces what is there under the same names, and leaves nothing else', async () => {
    const { A, B1, B2, S } = await cluster()
    bench.desk.sectorsToBegin = 1
    const sealed = join(bench.path('store'), 'sealed', 's-t010000-1')
    for (const worker of [A, B1, B2, S]) await worker.start()
    const written = new Promise<Buffer>(resolve => {
      B1.processors.gate(async ({ stage }, when) => {
        if (stage !== 'pc2' || when !== 'after') return
        const replica = await readFile(join(bench.path('b'), 'sealed', 's-t010000-1'))
        await mkdir(join(bench.path('store'), 'sealed'), { recursive: true })
        await writeFile(sealed, Buffer.alloc(replica.length, 7))
        resolve(replica)
      })
    })
    const replica = await written
    await bench.allDone()
    sectorDone(1)
    expect((await readFile(sealed)).equals(replica)).to.equal(true)
    expect((await bench.files('store')).filter(file => !/^(sealed|cache)/.test(file))).to.deep.equal([])
  })

  it('files of an earlier visit are not taken for those that are fetched now', async () => {
    const { A, B1, B2, S } = await cluster()
    bench.desk.sectorsToBegin = 1
    await A.start()
    await eventually('a PC2 that waits', LIMIT_MS, async () =>
      (await bench.desk.view.tasks()).some(({ Kind }) => Kind === 'PC2') ? true : undefined,
    )
    const { size } = await stat(join(bench.path('a'), 'unsealed', 's-t010000-1'))
    await mkdir(join(bench.path('b'), 'unsealed'), { recursive: true })
    await writeFile(join(bench.path('b'), 'unsealed', 's-t010000-1'), Buffer.alloc(size, 1))
    for (const worker of [B1, B2, S]) await worker.start()
    await bench.allDone()
    sectorDone(1)
  })

  it('a worker that does not know yet that another has its task does not replace what that one has on their path', async () => {
    const { A, B1 } = await cluster()
    bench.desk.sectorsToBegin = 1
    await A.start()
    const { ID } = await eventually('a PC2 that waits', LIMIT_MS, async () =>
      (await bench.desk.view.tasks()).find(({ Kind }) => Kind === 'PC2'),
    )
    const others = join(bench.path('b'), 'unsealed', 's-t010000-1')
    await mkdir(join(bench.path('b'), 'unsealed'), { recursive: true })
    await writeFile(others, 'what the other has')
    let taken = false
    // The first that it asks when its files have come.
    bench.asked = async method => {
      if (taken || (method !== 'SaveStageRecord' && method !== 'PlaceStageSector')) return
      taken = true
      await bench.desk.desk.abort(ID, 'as if another had it')
    }
    B1.reportMs = 3_600_000
    await B1.start()
    await eventually('its end', LIMIT_MS, () => (taken && B1.worker!.tasks.length === 0) || undefined)
    expect(await readFile(others, 'utf8')).to.equal('what the other has')
  })

  it('what was fetched for tasks that are done since is removed, what open ones go on with stays', async () => {
    const { A } = await cluster()
    bench.desk.sectorsToBegin = 1
    await A.start()
    const { ID } = await eventually('a PC2 that waits', LIMIT_MS, async () =>
      (await bench.desk.view.tasks()).find(({ Kind }) => Kind === 'PC2'),
    )
    await A.stop()
    const fetched = (task: string): string => join('fetching', 's-t010000-1', task, 'sealed')
    for (const directory of [fetched(`${ID}.3`), fetched('s-t010000-1.PC2.before.2')])
      await mkdir(join(bench.path('a'), directory), { recursive: true })
    await mkdir(join(A.home, 'fetched', 's-t010000-1.C2.before'), { recursive: true })
    const others = join(bench.path('a'), 'fetching/of-somebody/else')
    await mkdir(others, { recursive: true })
    await A.start()
    await eventually('only what is open', LIMIT_MS, async () => {
      const left = [
        ...(await readdir(join(bench.path('a'), 'fetching/s-t010000-1'))),
        ...(await readdir(join(A.home, 'fetched'))),
      ]
      return left.length === 1 ? true : undefined
    })
    expect(await readdir(join(bench.path('a'), fetched(`${ID}.3`)))).to.deep.equal([])
    expect(await readdir(others)).to.deep.equal([])
  })

  it('what was computed is not computed again because the manager could not write it down just then', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    bench.desk.sectorsToBegin = 1
    await worker.start()
    let isAway = false
    let refused = 0
    worker.processors.gate(({ stage }, when) => {
      if (stage === 'pc1' && when === 'after' && refused === 0) isAway = true
    })
    bench.asked = async asked => {
      if (!isAway || asked !== 'SaveStageRecord') return
      refused++
      isAway = false
      throw new RpcError(RPC_ERROR.application, 'its database is away')
    }
    await bench.allDone()
    sectorDone(1)
    expect(refused).to.equal(1)
    expect(worker.processors.calls.filter(({ stage }) => stage === 'pc1')).to.have.length(1)
  })

  it('what waits for the chain is not parked because the manager has no node to ask for a while', async () => {
    const worker = await bench.worker('A', ALL)
    await worker.attach('a')
    await worker.attach('store', { store: true })
    const noNode = (): never => {
      throw new RpcError(RPC_ERROR.application, 'the node does not answer')
    }
    bench.manager.script('WaitSeed', ...Array.from({ length: 20 }, () => noNode))
    bench.desk.sectorsToBegin = 1
    await worker.start()
    await bench.allDone()
    sectorDone(1)
  })
})
