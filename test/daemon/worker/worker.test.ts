import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { WorkerBench } from './support/bench.js'

describe('worker', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const finished = () => bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)
  const refusal = () =>
    bench.start().then(
      () => 'started',
      (error: Error) => error.message,
    )

  it('S004-26: sends the configured headers', async () => {
    await bench.start()
    await finished()
    expect(new Set(bench.manager.tokens)).to.deep.equal(new Set(['bench']))
  })

  it('S004-25: dials ws:// as WebSocket, one connection for all calls', async () => {
    bench.overWebSocket = true
    await bench.start()
    await finished()
    expect(bench.manager.tokens).to.deep.equal(['bench'])
  })

  it('two threads seal two sectors in two stores', async () => {
    bench.more = `[[sealing_thread]]\nlocation = "${join(bench.dir, 'store2')}"`
    await bench.start()
    await bench.until(() => [...bench.manager.sectors.values()].filter(sector => sector.finalized).length === 2)
    expect(bench.threads.map(thread => thread.index)).to.deep.equal([0, 1])
    expect(bench.manager.sector(1).reports[0]!.Worker.Location).to.not.equal(
      bench.manager.sector(2).reports[0]!.Worker.Location,
    )
  })

  it('leaves out a thread on a store that another has', async () => {
    await bench.start()
    await bench.stop()
    bench.more = `[[sealing_thread]]\nlocation = "${bench.store}/../store1"`
    await bench.start()
    expect(bench.threads.map(thread => thread.index)).to.deep.equal([0])
  })

  it('needs a persist store, and the static trees it is told of', async () => {
    await rm(bench.persist, { recursive: true })
    expect(await refusal()).to.match(/^attached store .*persist1 does not exist/)
    await mkdir(bench.persist)
    bench.more = '[processors.static_tree_d]\n2KiB = "/nowhere/tree"'
    expect(await refusal()).to.equal('processors.static_tree_d: /nowhere/tree cannot be used')
    bench.more = ''
    await bench.start()
  })

  it('gives the stores back when it cannot start', async () => {
    bench.more = `[[sealing_thread]]\nlocation = "${join(bench.dir, 'missing', 'store')}"`
    expect(await refusal()).to.contain('parent directory')
    bench.more = ''
    await bench.start()
  })

  it('an idle thread pauses at once and goes on when resumed', async () => {
    await bench.start()
    await finished()
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
    expect(bench.thread.pause()).to.equal(true)
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Paused')
    expect(bench.threads[0]).to.deep.include({ job_id: null, job_state: '', last_error: null })
    await bench.thread.resume()
    await bench.until(() => bench.manager.sectors.size > 1 && bench.manager.sector(2).finalized)
  })

  it('a stop ends a wait and tells the manager', async () => {
    bench.stopGraceMs = 2_000
    bench.manager.script('WaitSeed', () => ({ ShouldWait: true, Delay: 4_500, Seed: null }))
    await bench.start()
    await bench.settle(
      () => bench.threads[0]!.job_stage === 'WaitSeed' && bench.threads[0]!.thread_state.state === 'Waiting',
    )
    await bench.stop()
    expect(bench.processors.closed).to.equal(true)
    expect(bench.manager.sector(1).reports.at(-1)).to.deep.include({
      StateChange: { Prev: 'Persisted', Next: 'PersistanceSubmitted', Event: 'SubmitPersistance' },
      Failure: { Level: 'Permanent', Desc: 'interrupt' },
    })
  })

  it('a stop does not wait for a running stage longer than it must', async () => {
    let running = false
    bench.processors.gate(({ stage }) => {
      if (stage !== 'c2') return
      running = true
      return new Promise(() => {})
    })
    await bench.start()
    await bench.until(() => running)
    const before = Date.now()
    await bench.stop()
    expect(Date.now() - before).to.be.below(3_000)
  })

  it('keeps its stores until its processors have ended', async () => {
    await bench.start()
    await finished()
    const holder = () => readFile(join(bench.store, '.holder'), 'utf8')
    let then = ''
    bench.processors.closing = async () => {
      then = await holder()
    }
    await bench.stop()
    expect(JSON.parse(then).pid).to.equal(process.pid)
    expect(await holder()).to.equal('')
  })

  it('keeps its stores when a processor does not end', async function () {
    this.timeout(10_000)
    await bench.start()
    await finished()
    bench.processors.closing = () => new Promise(() => {})
    await bench.stop()
    expect(JSON.parse(await readFile(join(bench.store, '.holder'), 'utf8')).pid).to.equal(process.pid)
  })

  it('goes on with an unfinished sector under its own plan, and says so when this version cannot', async () => {
    await bench.start()
    await finished()
    await bench.stop()
    const record = { version: 1, plan: 'reseal', state: 3, retry: 0, phases: {} }
    await writeFile(join(bench.store, 'meta/info.json'), JSON.stringify(record))
    await bench.start()
    await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused')
    expect(bench.threads[0]!.last_error).to.match(/^critical: plan "reseal" of the sector in .* is not supported/)
  })
})
