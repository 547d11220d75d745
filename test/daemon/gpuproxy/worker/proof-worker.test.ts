import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { c2Child } from '../../../../daemon/gpuproxy/worker/c2-child.js'
import type { C2Maker } from '../../../../daemon/gpuproxy/worker/c2-maker.js'
import type { Pace } from '../../../../daemon/gpuproxy/worker/proof-worker.js'
import {
  type GpuProxyWorkerOptions,
  type RunningGpuProxyWorker,
  startGpuProxyWorker,
} from '../../../../daemon/gpuproxy/worker/start-worker.js'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { eventually } from '../../../harness/eventually.js'
import { ProxyUnderTest, proofFor } from '../proxy-under-test.js'

const QUICK: Partial<Pace> = { idleMs: 20, reportMs: 20, retryMs: 10, longestRetryMs: 50, documentAttempts: 2 }
const LIMIT_MS = 10_000

const sectorOf = (document: Uint8Array): number => JSON.parse(Buffer.from(document).toString()).sector_id

/** Proves at once, unless it is told to hold back. */
class FakeMaker implements C2Maker {
  readonly asked: number[] = []
  readonly #held: (() => void)[] = []
  holds = false
  fails: string | undefined

  prove: C2Maker['prove'] = async (document, signal) => {
    const sector = sectorOf(document)
    this.asked.push(sector)
    if (this.holds)
      await new Promise<void>((resolve, reject) => {
        this.#held.push(resolve)
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    if (this.fails !== undefined) throw new Error(this.fails)
    return proofFor(sector)
  }

  letGo(): void {
    this.holds = false
    for (const go of this.#held.splice(0)) go()
  }

  close = (): Promise<void> => Promise.resolve()
}

describe('gpuproxy_worker', () => {
  let proxy: ProxyUnderTest
  let maker: FakeMaker
  let dir: string
  const workers: RunningGpuProxyWorker[] = []

  const worker = async (name = 'w', more: Partial<GpuProxyWorkerOptions> = {}): Promise<RunningGpuProxyWorker> => {
    const started = await startGpuProxyWorker({
      url: proxy.url,
      dsn: join(dir, `${name}.db`),
      maxTasks: 1,
      types: null,
      resourceDir: undefined,
      log: silentLog,
      maker,
      pace: QUICK,
      ...more,
    })
    workers.push(started)
    return started
  }
  const state = async (id: string) => (await proxy.proof.GetTask(id)).state
  const inState = (id: string, wanted: number) =>
    eventually(`task in state ${wanted}`, LIMIT_MS, async () => (await state(id)) === wanted || undefined)

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gpuproxy-worker-'))
    maker = new FakeMaker()
    proxy = await ProxyUnderTest.start({ clock: systemClock })
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map(each => each.stop()))
    await proxy.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('proves what there is, and reports itself', async () => {
    const ids = await Promise.all([1, 2, 3].map(sector => proxy.add(sector)))
    const { workerId } = await worker('w', { ips: '10.0.0.9', types: [0] })
    for (const id of ids) await inState(id, 4)
    expect(maker.asked.toSorted()).to.deep.equal([1, 2, 3])
    const [known] = await proxy.proof.ListWorker()
    expect(known).to.deep.include({ workerId, ips: '10.0.0.9', supportTypes: 'C2' })
    expect((await proxy.lease.WorkerStatistics())[0]).to.deep.include({ workerId, proven: 3 })
  })

  it('works on so many tasks at once, and takes the next as soon as one is done', async () => {
    maker.holds = true
    const ids = await Promise.all([1, 2, 3].map(sector => proxy.add(sector)))
    await worker('w', { maxTasks: 2 })
    await eventually('two at once', LIMIT_MS, () => maker.asked.length === 2 || undefined)
    expect((await Promise.all(ids.map(state))).toSorted()).to.deep.equal([1, 2, 2])
    maker.letGo()
    for (const id of ids) await inState(id, 4)
  })

  it('S000-22 S000-46: is known by the id in its database, and goes on with what it had', async () => {
    maker.holds = true
    const id = await proxy.add(1)
    const first = await worker()
    await eventually('begun', LIMIT_MS, () => maker.asked.length === 1 || undefined)
    workers.length = 0
    // As a kill would: nothing is given back.
    const before = await proxy.lease.ShowTask(id)
    await proxy.halt()
    await first.stop()
    await proxy.run()
    maker = new FakeMaker()
    const second = await worker()
    expect(second.workerId).to.equal(first.workerId)
    await inState(id, 4)
    expect((await proxy.lease.ShowTask(id))!.fence, 'under the same claim').to.equal(before!.fence)
  })

  it('gives back what it has not finished when it is stopped', async () => {
    maker.holds = true
    const id = await proxy.add(1)
    const running = await worker()
    await eventually('begun', LIMIT_MS, () => maker.asked.length === 1 || undefined)
    await running.stop()
    workers.length = 0
    expect(await proxy.lease.ShowTask(id)).to.deep.include({ state: 1, attempts: 0 })
  })

  it('hands a proof in although the server was away when it was made', async () => {
    maker.holds = true
    const id = await proxy.add(1)
    await worker('w', { url: proxy.url })
    await eventually('begun', LIMIT_MS, () => maker.asked.length === 1 || undefined)
    const { port } = new URL(proxy.url)
    await proxy.halt()
    maker.letGo()
    const again = new ProxyUnderTest({
      clock: systemClock,
      dsn: join(proxy.dir, 'gpuproxy.db'),
      resourceDir: proxy.resourceDir,
      listen: { host: '127.0.0.1', port: Number(port) },
    })
    await again.run()
    await eventually('recorded', LIMIT_MS, async () => (await again.proof.GetTask(id)).state === 4 || undefined)
    expect(maker.asked).to.deep.equal([1])
    await Promise.all(workers.splice(0).map(each => each.stop()))
    await again.stop()
    await proxy.run()
  })

  it('tells an error with all its words; the task is tried again, then parked', async () => {
    maker.fails = 'No cached parameters found'
    const id = await proxy.add(1)
    await proxy.halt()
    proxy = await new ProxyUnderTest({
      clock: systemClock,
      dsn: join(proxy.dir, 'gpuproxy.db'),
      resourceDir: proxy.resourceDir,
      retry: { maxAttempts: 2, firstPauseMs: 1, longestPauseMs: 1 },
    }).run()
    await worker()
    await inState(id, 3)
    expect(await proxy.proof.GetTask(id)).to.deep.include({ errorMsg: 'No cached parameters found' })
    expect(maker.asked).to.deep.equal([1, 1])
  })

  it('may be silent no longer than its own lease, whatever workers without leases are given', async () => {
    maker.holds = true
    const id = await proxy.add(1)
    await worker('w', { leaseMs: 60_000 })
    /** Its report is one of a worker without leases, until its heartbeat follows. */
    const leaseUntil = async () => {
      const { leaseUntil: until } = (await proxy.lease.ShowTask(id))!
      return until > 0 && until <= Date.now() + 60_000 ? until : undefined
    }
    const claimed = await eventually('a claim', LIMIT_MS, leaseUntil)
    const renewed = await eventually('a sign of life', LIMIT_MS, async () => {
      const until = await leaseUntil()
      return until !== undefined && until > claimed ? until : undefined
    })
    expect(renewed).to.be.lessThan(claimed + 30_000)
    maker.letGo()
    await inState(id, 4)
  })

  it('drops a task that was taken from it', async () => {
    maker.holds = true
    const id = await proxy.add(1)
    await worker()
    await eventually('begun', LIMIT_MS, () => maker.asked.length === 1 || undefined)
    await proxy.lease.CancelTasks([id], 'not needed any more')
    maker.fails = undefined
    const next = await proxy.add(2)
    await eventually('the next one', LIMIT_MS, () => maker.asked.length === 2 || undefined)
    maker.letGo()
    await inState(next, 4)
    expect(await state(id)).to.equal(3)
  })

  it('waits for a server that is not there yet', async () => {
    const { port } = new URL(proxy.url)
    const id = await proxy.add(1)
    await proxy.halt()
    await worker('w', { url: `http://127.0.0.1:${port}` })
    const again = await new ProxyUnderTest({
      clock: systemClock,
      dsn: join(proxy.dir, 'gpuproxy.db'),
      resourceDir: proxy.resourceDir,
      listen: { host: '127.0.0.1', port: Number(port) },
    }).run()
    await eventually('recorded', LIMIT_MS, async () => (await again.proof.GetTask(id)).state === 4 || undefined)
    await Promise.all(workers.splice(0).map(each => each.stop()))
    await again.stop()
    await proxy.run()
  })

  it('S000-31: reads documents from a shared directory', async () => {
    const id = await proxy.add(1)
    await worker('w', { resourceDir: proxy.resourceDir })
    await inState(id, 4)
  })

  it('works for a server that knows no leases', async () => {
    const plain = http.createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      const body = Buffer.concat(chunks)
      const unknown = { jsonrpc: '2.0', error: { code: -32601, message: 'Method not found' }, id: 0 }
      if (body.includes('"GpuProxy.'))
        return void response.end(JSON.stringify({ ...unknown, id: JSON.parse(`${body}`).id }))
      const headers = { 'content-type': 'application/json' }
      response.end(await (await fetch(proxy.url, { method: 'POST', body, headers })).text())
    })
    await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve))
    const good = await proxy.add(1)
    await worker('w', { url: `http://127.0.0.1:${(plain.address() as AddressInfo).port}` })
    await inState(good, 4)
    maker.fails = 'no luck'
    const bad = await proxy.add(2)
    await eventually(
      'the error',
      LIMIT_MS,
      async () => (await proxy.proof.GetTask(bad)).errorMsg === 'no luck' || undefined,
    )
    await Promise.all(workers.splice(0).map(each => each.stop()))
    plain.close()
  })
})

describe('gpuproxy_worker: another program as prover', () => {
  const SCRIPT = `
    process.stdout.write('c2 processor ready\\n')
    require('readline').createInterface({ input: process.stdin }).on('line', line => {
      const { id, task } = JSON.parse(line)
      if (task.sector_id === 13) process.exit(3)
      const answer = task.sector_id === 12 ? { err_msg: 'out of memory' } : { output: { proof: [task.sector_id] } }
      console.log(JSON.stringify({ id, ...answer }))
    })`
  const document = (sector: number): Uint8Array =>
    Buffer.from(JSON.stringify({ prover_id: [], sector_id: sector, c1out: {} }))
  const signal = new AbortController().signal

  it('is asked by the processor protocol, started again after its death, and ended', async () => {
    const maker = c2Child({ bin: process.execPath, args: ['-e', SCRIPT], log: silentLog })
    expect(await maker.prove(document(7), signal)).to.deep.equal(Uint8Array.of(7))
    expect(await maker.prove(document(12), signal).catch((error: Error) => error.message)).to.equal('out of memory')
    expect(await maker.prove(document(13), signal).catch((error: Error) => error.message)).to.match(
      /ended with exit code 3/,
    )
    expect(await maker.prove(document(8), signal)).to.deep.equal(Uint8Array.of(8))
    await maker.close()
  })

  it('that is no processor is named', async () => {
    const maker = c2Child({ bin: process.execPath, args: ['-e', 'console.log("hello")'], log: silentLog })
    expect(await maker.prove(document(7), signal).catch((error: Error) => error.message)).to.match(
      /is no c2 processor: it said "hello"/,
    )
    await maker.close()
  })
})
