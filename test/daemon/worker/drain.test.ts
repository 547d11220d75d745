import { expect } from 'chai'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { workerService } from '../../../rpc-schema/worker/index.js'
import { WorkerBench } from './support/bench.js'

describe('draining a worker', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.sealing = 'seal_interval = "10s"'
  })
  afterEach(() => bench.close())

  const drainOf = (index = 0) => bench.threads[index]!.drain
  const allocations = () => bench.manager.called('AllocateSector').length
  /** Lets the thread go round often enough that it would have asked for a sector. */
  const someTime = async () => {
    const until = bench.clock.monotonic() + 600_000
    await bench.until(() => bench.clock.monotonic() > until)
  }

  it('finishes the present sector, takes no other, and goes on when that is lifted', async () => {
    let release = (): void => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    bench.processors.gate(({ stage }, when) => (stage === 'pc1' && when === 'before' ? held : undefined))
    await bench.start()
    await bench.until(() => bench.threads[0]!.job_stage === 'PC1')
    expect(bench.threads[0]).to.not.have.property('drain')
    expect(bench.thread.drain(true)).to.equal(true)
    expect(bench.thread.drain(true)).to.equal(false)
    expect(drainOf()).to.equal('draining')
    release()
    await bench.until(() => drainOf() === 'drained')
    expect(bench.manager.sector(1).finalized).to.equal(true)
    await someTime()
    expect(allocations()).to.equal(1)
    expect(bench.thread.drain(false)).to.equal(true)
    await bench.until(() => bench.manager.sectors.size > 1)
    expect(bench.threads[0]).to.not.have.property('drain')
  })

  it('counts a thread as drained that has asked in vain, and does not let it ask again', async () => {
    bench.sealing = 'seal_interval = "10s"\nrecover_interval = "10s"'
    let asked = 0
    bench.manager.gate(({ method }, when) => {
      if (method === 'AllocateSector' && when === 'before') asked += 1
    })
    bench.manager.script('AllocateSector', () => null)
    await bench.start()
    await bench.settle(() => asked === 1 && bench.threads[0]!.thread_state.state === 'Waiting')
    bench.thread.drain(true)
    expect(drainOf()).to.equal('drained')
    await someTime()
    expect(asked).to.equal(1)
  })

  it('a thread that is just being given a sector drains when that sector is done', async () => {
    let answer = (): void => {}
    const held = new Promise<void>(resolve => {
      answer = resolve
    })
    let asked = false
    bench.manager.gate(({ method }, when) => {
      if (method !== 'AllocateSector' || when !== 'before') return
      asked = true
      return held
    })
    await bench.start()
    await bench.settle(() => asked)
    bench.thread.drain(true)
    expect(drainOf()).to.equal('draining')
    answer()
    await bench.until(() => drainOf() === 'drained')
    expect(bench.manager.sector(1).finalized).to.equal(true)
  })

  it('a sector with a number that waits for deals is not forgotten', async () => {
    bench.sealing = 'disable_cc = true\nrequest_task_max_retries = 1\nrecover_interval = "10s"\nseal_interval = "10s"'
    await bench.start()
    await bench.until(() => bench.manager.called('AcquireDeals').length > 2)
    bench.thread.drain(true)
    await bench.until(() => bench.threads[0]!.thread_state.state === 'Idle')
    expect(drainOf()).to.equal('draining')
  })

  it('a paused thread stays paused; resumed it finishes its sector and drains on; a second resume lifts the drain', async () => {
    bench.processors.gate(({ stage }, when) => {
      if (stage === 'c2' && when === 'before') bench.thread.pause()
    })
    await bench.start()
    await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused')
    bench.processors.gate(undefined)
    bench.thread.drain(true)
    expect(bench.threads[0]!.thread_state.state).to.equal('Paused')
    expect(drainOf()).to.equal('draining')
    expect(await bench.thread.resume()).to.equal(true)
    await bench.until(() => drainOf() === 'drained')
    expect(allocations()).to.equal(1)
    expect(await bench.thread.resume()).to.equal(true)
    expect(await bench.thread.resume()).to.equal(false)
    await bench.until(() => allocations() === 2)
  })

  it('a thread without a store asks for no more jobs', async () => {
    bench.plan = 'wdpost'
    bench.sealing = 'seal_interval = "10s"\nrecover_interval = "10s"'
    const asked = () => bench.manager.called('WdPoStAllocateJobs').length
    await bench.start()
    await bench.until(() => asked() > 1)
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
    bench.thread.drain(true)
    expect(drainOf()).to.equal('drained')
    const before = asked()
    await someTime()
    expect(asked()).to.equal(before)
    bench.thread.drain(false)
    await bench.until(() => asked() > before)
  })

  it('goes over the API for one thread or all, and says which were changed', async () => {
    bench.threadCount = 3
    await bench.start()
    const connection = connectRpc(`${bench.worker!.address}/`)
    const client = rpcClient(workerService, connection)
    try {
      expect(await client.WorkerDrain(1, true)).to.deep.equal([1])
      expect(await client.WorkerDrain(null, true)).to.deep.equal([0, 2])
      expect(await client.WorkerDrain(null, true)).to.deep.equal([])
      expect((await client.WorkerList()).map(({ drain }) => drain !== undefined)).to.deep.equal([true, true, true])
      expect(await client.WorkerDrain(null, false)).to.deep.equal([0, 1, 2])
      const refused = await client.WorkerDrain(9, true).catch((error: Error) => error)
      expect((refused as Error).message).to.equal('worker #9 not found')
    } finally {
      await connection.close()
    }
  })
})
