import { expect } from 'chai'
import { WorkerBench } from './support/bench.js'

const THREADS = 50

describe('fifty threads in one worker', () => {
  let bench: WorkerBench

  before(async () => {
    bench = await WorkerBench.make()
    bench.threadCount = THREADS
  })
  after(() => bench.close())

  it('S004-43: seal fifty sectors, each in its own store, and none twice', async () => {
    await bench.start()
    const sectors = () => [...bench.manager.sectors.values()]
    await bench.until(() => sectors().filter(({ finalized }) => finalized).length === THREADS, 'fifty sectors', 120_000)
    expect(sectors()).to.have.length(THREADS)
    for (const { id, preCommits, proofs, reports } of sectors()) {
      expect(preCommits, String(id.Number)).to.have.length(1)
      expect(proofs, String(id.Number)).to.have.length(1)
      expect(new Set(reports.map(({ Worker }) => Worker.Location)).size).to.equal(1)
    }
    expect(new Set(sectors().map(({ reports }) => reports[0]!.Worker.Location)).size).to.equal(THREADS)
    await bench.settle(() => bench.threads.every(({ job_id }) => job_id === null))
    expect(bench.threads.map(({ index }) => index)).to.deep.equal(Array.from({ length: THREADS }, (_, index) => index))
    expect(bench.threads.filter(({ last_error }) => last_error !== null)).to.deep.equal([])
  }).timeout(180_000)

  it('are told of in one ping', async () => {
    const pings = bench.manager.called('WorkerPing').length
    await bench.until(() => bench.manager.called('WorkerPing').length > pings)
    expect(bench.manager.called('WorkerPing').at(-1)!.params[0].Summary).to.deep.equal({
      Threads: THREADS,
      Empty: THREADS,
      Paused: 0,
      Running: 0,
      Waiting: 0,
      Errors: 0,
    })
  }).timeout(60_000)

  it('stop together, and leave their stores to the next worker', async () => {
    await bench.stop()
    await bench.start()
    expect(bench.threads).to.have.length(THREADS)
  }).timeout(60_000)
})
