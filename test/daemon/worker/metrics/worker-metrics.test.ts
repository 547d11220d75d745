import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { ThreadStatus } from '../../../../daemon/worker/engine/thread-status.js'
import { clientMethodName } from '../../../../daemon/worker/metrics/manager-calls.js'
import { listenAddress } from '../../../../daemon/worker/metrics/metrics-server.js'
import { type Space, StoreSpaces, spaceOf } from '../../../../daemon/worker/metrics/store-space.js'
import { WorkerMetrics } from '../../../../daemon/worker/metrics/worker-metrics.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import { WorkerBench } from '../support/bench.js'
import { FakeClock } from '../support/fake-clock.js'

/** Samples by `name{labels of interest}`, without those that every sample has. */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match === null) continue
    const labels = (match[2] ?? '').split(/,(?=[a-z_]+=")/).filter(label => !/^worker_(name|ip)=/.test(label))
    found.set(`${match[1]}{${labels.join(',')}}`, Number(match[3]))
  }
  return found
}

describe('metrics of a worker', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const scrape = async (): Promise<string> => (await fetch(bench.worker!.metricsAddress!)).text()
  const finished = () => bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)

  it('S004-23: are not served unless wanted', async () => {
    await bench.start()
    expect(bench.worker!.metricsAddress).to.equal(undefined)
  })

  it('S004-4 S004-23 S004-24: are served at http_listen, with the calls of the manager under their documented names', async () => {
    bench.more = '[metrics]\nenable = true\nhttp_listen = "127.0.0.1:0"'
    await bench.start()
    await finished()
    const response = await fetch(bench.worker!.metricsAddress!)
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    expect(text).to.match(/^rpc_call\{method="allocate_sector",worker_name="bench",worker_ip="127\.0\.0\.1"\} 1$/m)
    const seen = samples(text)
    for (const method of ['allocate_sector', 'submit_pre_commit', 'submit_persisted_ex', 'report_finalized']) {
      expect(seen.get(`rpc_call{method="${method}"}`), method).to.equal(1)
      expect(seen.get(`rpc_timing_count{method="${method}"}`), method).to.equal(1)
      expect(seen.has(`rpc_timing{quantile="0.99",method="${method}"}`), method).to.equal(true)
    }
    const reports = bench.manager.called('ReportState').length
    expect(seen.get('rpc_call{method="report_state"}')).to.equal(reports)
    expect([...seen.keys()].filter(key => /worker_ping|store_basic_info|^rpc_error/.test(key))).to.deep.equal([])
    expect((await fetch(new URL('/elsewhere', bench.worker!.metricsAddress), { redirect: 'manual' })).status).to.equal(
      302,
    )
  })

  it('count calls that fail', async () => {
    bench.more = '[metrics]\nenable = true\nhttp_listen = "127.0.0.1:0"'
    bench.manager.script('AssignTicket', () => {
      throw new Error('no head')
    })
    await bench.start()
    await finished()
    const seen = samples(await scrape())
    expect(seen.get('rpc_call{method="assign_ticket"}')).to.equal(2)
    expect(seen.get('rpc_error{method="assign_ticket"}')).to.equal(1)
  })

  it('tell threads, transferred bytes and the space of the stores', async () => {
    bench.more = '[metrics]\nenable = true\nhttp_listen = "127.0.0.1:0"'
    await bench.start()
    await finished()
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
    bench.thread.pause()
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Paused')
    const persisted = bench.processors.ran('transfer')[0]!.task.routes.length
    let seen = samples(await scrape())
    const up = () => seen.get(`worker_store_up{kind="attached",store="persist1"}`)
    while (up() === undefined) seen = samples(await scrape())
    expect(up()).to.equal(1)
    expect(seen.get('worker_store_free_bytes{kind="attached",store="persist1"}')).to.be.greaterThan(0)
    expect(seen.get(`worker_store_up{kind="sealing",store="${bench.thread.location}"}`)).to.not.equal(0)
    expect(seen.get('task_threads_pause{}')).to.equal(1)
    expect(seen.get('worker_threads{state="Paused"}')).to.equal(1)
    expect(seen.get('worker_threads{state="Running"}')).to.equal(0)
    expect(seen.get('worker_threads_without_job{}')).to.equal(1)
    expect(persisted).to.be.greaterThan(1)
    expect(seen.get('worker_transferred_bytes_total{to="persist1"}')).to.be.greaterThan(2_048)
    expect([...seen.keys()].some(key => key.startsWith('process_resident_memory_bytes'))).to.equal(true)
  })

  it('an address in use keeps the worker from starting, and says which key is meant', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    bench.more = `[metrics]\nenable = true\nhttp_listen = "127.0.0.1:${port}"`
    const error = await bench.start().then(
      () => undefined,
      (reason: Error) => reason,
    )
    other.close()
    expect(error?.message).to.match(/^metrics\.http_listen /)
    expect((error!.cause as Error).message).to.equal(
      `cannot listen on 127.0.0.1:${port}: another process listens there`,
    )
    bench.more = ''
    await bench.start()
  })
})

describe('worker metrics', () => {
  const identity = { name: 'w', ip: '127.0.0.1', version: 'v1' }

  it('name the calls as damocles-worker does', () => {
    const documented =
      'allocate_sector report_state acquire_deals assign_ticket submit_pre_commit poll_pre_commit_state store_reserve_space ' +
      'submit_persisted_ex wait_seed submit_proof poll_proof_state report_finalized report_aborted allocate_snapup_sector ' +
      'submit_snapup_proof store_basic_info allocate_rebuild_sector allocate_unseal_sector acquire_unseal_dest ' +
      'achieve_unseal_sector allocate_wdpost_job wdpost_heartbeat wdpost_finish'
    expect(Object.keys(managerService.methods).map(clientMethodName)).to.include.members(documented.split(' '))
  })

  it('observe stages and waits in seconds', async () => {
    const metrics = new WorkerMetrics(identity)
    metrics.stageEnded('pc1', 90_000, 'done')
    metrics.stageEnded('pc1', 1_000, 'failed')
    metrics.limitWaited('pc1', 500)
    metrics.childWaited('c2', 1_500)
    metrics.childRestarted('c2')
    const seen = samples(await metrics.text({ threads: [], spaces: [] }))
    expect(seen.get('worker_stage_duration_seconds_sum{stage="pc1",result="done"}')).to.equal(90)
    expect(seen.get('worker_stage_duration_seconds_count{stage="pc1",result="failed"}')).to.equal(1)
    expect(seen.get('worker_limit_wait_seconds_sum{stage="pc1"}')).to.equal(0.5)
    expect(seen.get('worker_child_wait_seconds_sum{stage="c2"}')).to.equal(1.5)
    expect(seen.get('worker_child_restarts_total{stage="c2"}')).to.equal(1)
    expect(seen.get(`worker_info{version="v1",node="${process.version}",arch="${process.arch}"}`)).to.equal(1)
  })

  it('tell the progress of a running stage, and no more when it has ended', async () => {
    const clock = new FakeClock()
    const metrics = new WorkerMetrics(identity)
    const status = new ThreadStatus(clock, 'sealer')
    const threads = [{ index: 3, draining: true, status }]
    const text = async () => samples(await metrics.text({ threads, spaces: [] }))
    status.progressed({ done: 0.9 })
    expect(status.progress).to.equal(undefined)
    status.jobStage = 'PC1'
    status.set({ kind: 'Running', proc: 'builtin PC1' })
    status.progressed({ done: 0.2 })
    expect((await text()).has('worker_stage_eta_seconds{thread="3",stage="PC1"}')).to.equal(false)
    clock.advance(100_000)
    status.progressed({ done: 0.4, step: 'layer 5' })
    clock.advance(50_000)
    const seen = await text()
    expect(seen.get('worker_stage_progress_ratio{thread="3",stage="PC1"}')).to.equal(0.4)
    expect(seen.get('worker_stage_eta_seconds{thread="3",stage="PC1"}')).to.equal(250)
    expect(seen.get('worker_threads_draining{}')).to.equal(1)
    expect(seen.get('worker_thread_elapsed_seconds{thread="3",plan="sealer",state="Running",stage="PC1"}')).to.equal(
      150,
    )
    status.set({ kind: 'Running', proc: null })
    expect((await text()).has('worker_stage_progress_ratio{thread="3",stage="PC1"}')).to.equal(false)
  })

  it('a store that hangs is shown as down, with what was known of it, and is not asked a second time', async () => {
    const store = { kind: 'attached', name: 'nfs', root: '/mnt' } as const
    const clock = new FakeClock()
    const asked: ((space: Space) => void)[] = []
    const spaces = new StoreSpaces({
      stores: [store],
      clock,
      ask: () => new Promise(resolve => void asked.push(resolve)),
    })
    const first = spaces.refresh()
    expect(spaces.all).to.deep.equal([])
    asked[0]!({ freeBytes: 5, totalBytes: 10 })
    await first
    expect(spaces.all).to.deep.equal([{ store, up: true, space: { freeBytes: 5, totalBytes: 10 } }])
    void spaces.refresh()
    await spaces.refresh()
    expect(asked).to.have.length(2)
    expect(spaces.all[0]).to.deep.include({ up: false, space: { freeBytes: 5, totalBytes: 10 } })
    const metrics = new WorkerMetrics(identity)
    const seen = samples(await metrics.text({ threads: [], spaces: spaces.all }))
    expect(seen.get('worker_store_up{kind="attached",store="nfs"}')).to.equal(0)
    expect(seen.get('worker_store_free_bytes{kind="attached",store="nfs"}')).to.equal(5)
  })

  it('asks a file system for its space', async () => {
    const { freeBytes, totalBytes } = await spaceOf('/')
    expect(totalBytes).to.be.greaterThan(freeBytes)
    const refused = await spaceOf('/no/such/place').catch((error: Error) => error)
    expect(refused).to.be.instanceOf(Error)
  })

  it('read addresses of both kinds', () => {
    expect(listenAddress('0.0.0.0:9000')).to.deep.equal({ host: '0.0.0.0', port: 9_000 })
    expect(listenAddress('[::1]:0')).to.deep.equal({ host: '::1', port: 0 })
  })
})
