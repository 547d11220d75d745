import { createRequire } from 'node:module'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type * as Prometheus from 'prom-client'
import { type PostRehearsal, RehearsalVerdict } from '../../../rpc-schema/manager/post-rehearsal.js'
import { WindowOutcome } from '../../../rpc-schema/manager/post-timeline.js'
import type { StoreDetailedInfo } from '../../../rpc-schema/manager/stores.js'
import type { WorkerPingInfo } from '../../../rpc-schema/manager/worker-ping.js'
import type { HttpHandler } from '../../kit/http/http-server.js'
import { ALARMS } from '../alarms/alarms.js'
import type { ChainMessage } from '../commitment/chain-message.js'
import type { PosterObserver } from '../post/poster.js'
import type { WindowJobCount } from '../post/provers/worker-prover/job-repository.js'
import type { WinningObserver } from '../post/winning/open-winning.js'
import { METRICS, type MetricDeclaration, type MetricKey, PREFIX } from './metrics-table.js'

/** Past the package's index, which loads what is told of the process, and a library for traces with it: that is felt at every start. */
const part = createRequire(import.meta.url)
const Registry: typeof Prometheus.Registry = part('prom-client/lib/registry')
const Counter: typeof Prometheus.Counter = part('prom-client/lib/counter')
const Gauge: typeof Prometheus.Gauge = part('prom-client/lib/gauge')
const Histogram: typeof Prometheus.Histogram = part('prom-client/lib/histogram')

/** Where the values come from that are looked up when somebody asks. */
export interface MetricsSources {
  sectors(): Promise<Record<'online' | 'offline', number>>
  workers(): Promise<WorkerPingInfo[]>
  /** By state, those that are not settled. */
  messages(): Promise<Record<string, number>>
  /** How many jobs of workers there are, where they make the window proofs. */
  windowJobs(): Promise<readonly WindowJobCount[]>
  stores(): Promise<StoreDetailedInfo[]>
  storeNames(): readonly string[]
  headHeight(): number | undefined
  databaseUp(): Promise<boolean>
  alarms(): Promise<readonly { readonly kind: string }[]>
  /** ms since the Unix epoch. */
  now(): number
}

/** The space of stores is looked up at most so often. */
const STORES_EVERY_MS = 60_000
const NS_PER_SECOND = 1e9

/** What the manager counts, at `/metrics`. The names stand in one table. */
export class ManagerMetrics {
  readonly #registry = new Registry()
  readonly #sources: MetricsSources
  readonly #newSectors = this.#counter('newSector')
  readonly #preCommits = this.#counter('preCommit')
  readonly #commits = this.#counter('commit')
  readonly #scrubbed = this.#counter('scrubbed')
  readonly #reloads = this.#counter('reloads')
  readonly #requests = this.#histogram('request')
  readonly #windows = this.#counter('windows')
  readonly #skipped = this.#counter('windowSkipped')
  readonly #proofs = this.#histogram('windowProof')
  readonly #atRisk = new Gauge(this.#options('windowsAtRisk'))
  readonly #winning = this.#counter('winning')
  readonly #winningTook = this.#histogram('winningProof')
  readonly #gateways = new Gauge(this.#options('winningGateway'))
  readonly #begun = new Set<string>()
  readonly #forecast = new Gauge(this.#options('forecast'))
  readonly #rehearsals = this.#counter('rehearsals')
  readonly #unread = new Gauge(this.#options('unreadSectors'))
  readonly #sectorRead = new Gauge(this.#options('sectorRead'))
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 100 })
  #storesAt = Number.NEGATIVE_INFINITY
  #stores: readonly StoreDetailedInfo[] = []

  constructor(version: string, sources: MetricsSources) {
    this.#sources = sources
    this.#gauge('info', gauge => gauge.set({ version }, 1))
    this.#gauge('apiState', gauge => gauge.set(1))
    this.#gauge('sectors', async gauge => {
      for (const [store, count] of Object.entries(await sources.sectors())) gauge.set({ store }, count)
    })
    this.#gauge('messages', async gauge => {
      gauge.reset()
      for (const [state, count] of Object.entries(await sources.messages())) gauge.set({ state }, count)
    })
    this.#gauge('windowJobs', async gauge => {
      gauge.reset()
      for (const { part, state, count } of await sources.windowJobs()) gauge.set({ part, state }, count)
    })
    this.#gauge('workers', async gauge => {
      for (const [category, count] of latencies(await sources.workers(), sources.now())) gauge.set({ category }, count)
    })
    this.#gauge('threads', async gauge => {
      for (const [category, count] of threads(await sources.workers())) gauge.set({ category }, count)
    })
    this.#gauge('headHeight', gauge => gauge.set(sources.headHeight() ?? 0))
    this.#gauge('database', async gauge => gauge.set((await sources.databaseUp()) ? 1 : 0))
    this.#gauge('alarms', async gauge => {
      const now = await sources.alarms()
      for (const alarm of Object.keys(ALARMS)) gauge.set({ alarm }, now.filter(({ kind }) => kind === alarm).length)
    })
    this.#gauge('loopDelay', gauge => {
      for (const quantile of [0.5, 0.99])
        gauge.set({ quantile: String(quantile) }, this.#delay.percentile(quantile * 100) / NS_PER_SECOND)
      this.#delay.reset()
    })
    this.#gauge('storeUp', gauge => {
      gauge.reset()
      const up = new Set(this.#stores.map(({ Name }) => Name))
      for (const store of sources.storeNames()) gauge.set({ store }, up.has(store) ? 1 : 0)
    })
    this.#storeGauge('storeFree', ({ Free }) => Free)
    this.#storeGauge('storeSize', ({ Total }) => Total)
    this.#storeGauge('storeReserved', ({ Reserved }) => Reserved)
    this.#delay.enable()
  }

  sectorAllocated(miner: number): void {
    this.#newSectors.inc({ miner: String(miner) })
  }

  messageLanded({ kind, miner, receipt, sectors }: ChainMessage): void {
    const counter = kind === 'pre' ? this.#preCommits : kind === 'prove' ? this.#commits : undefined
    counter?.inc({ miner: String(miner), exit_code: String(receipt?.ExitCode ?? '') }, sectors.length)
  }

  request(endpoint: string, tookMs: number, ok: boolean): void {
    this.#requests.observe({ api: 'damocles-manager', endpoint, result: ok ? 'ok' : 'error' }, tookMs)
  }

  /** Of the poster. */
  readonly windows: PosterObserver = {
    judged: ({ Miner, Outcome, Skipped }) => {
      this.#windows.inc({ miner: String(Miner), outcome: Outcome })
      this.#skipped.inc({ miner: String(Miner) }, Skipped)
    },
    atRisk: (miner, windows) => {
      this.#begin(String(miner))
      this.#atRisk.set({ miner: String(miner) }, windows)
    },
    proven: (miner, tookMs) => this.#proofs.observe({ miner: String(miner) }, tookMs / 1_000),
  }

  /** Of blocks that were won. */
  readonly winning: WinningObserver = {
    answered: (miner, outcome, tookMs) => {
      this.#winning.inc({ miner: String(miner), outcome })
      this.#winningTook.observe({ miner: String(miner) }, tookMs / 1_000)
    },
    listening: (gateway, miner, isListening) =>
      this.#gateways.set({ gateway, miner: String(miner) }, isListening ? 1 : 0),
  }

  scrubbed(result: string): void {
    this.#scrubbed.inc({ result })
  }

  /** A counter that appears with its first event is not seen to rise by it. */
  #begin(miner: string): void {
    if (this.#begun.has(miner)) return
    this.#begun.add(miner)
    for (const outcome of WindowOutcome.options) if (outcome !== 'running') this.#windows.inc({ miner, outcome }, 0)
    for (const verdict of RehearsalVerdict.options)
      if (verdict !== 'running') this.#rehearsals.inc({ miner, verdict }, 0)
    this.#skipped.inc({ miner }, 0)
  }

  /** Of foresight. */
  rehearsed({ Miner, Verdict, ByHand, NeededMs, LeftMs, UnreadCount, Stores }: PostRehearsal): void {
    const miner = String(Miner)
    for (const { Store: store, Read, MeanMs } of Stores) if (Read > 0) this.#sectorRead.set({ store }, MeanMs / 1_000)
    // What somebody tries by hand may be about any deadline.
    if (ByHand) return
    this.#rehearsals.inc({ miner, verdict: Verdict })
    if (Verdict === 'failed') return
    this.#forecast.set({ miner }, LeftMs > 0 ? NeededMs / LeftMs : 0)
    this.#unread.set({ miner }, UnreadCount)
  }

  reloaded(done: boolean): void {
    this.#reloads.inc({ result: done ? 'done' : 'refused' })
  }

  close(): void {
    this.#delay.disable()
  }

  readonly handler: HttpHandler = async (_, response) => {
    await this.#lookAtStores()
    const text = await this.#registry.metrics()
    response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text)
  }

  /** A store that hangs must not hold up the scrape for long, nor be asked by each. */
  async #lookAtStores(): Promise<void> {
    const now = this.#sources.now()
    if (now - this.#storesAt < STORES_EVERY_MS) return
    this.#storesAt = now
    this.#stores = await this.#sources.stores().catch(() => [])
  }

  #counter(key: MetricKey): Prometheus.Counter<string> {
    return new Counter(this.#options(key))
  }

  #histogram(key: MetricKey): Prometheus.Histogram<string> {
    const declaration: MetricDeclaration = METRICS[key]
    return new Histogram({ ...this.#options(key), buckets: [...(declaration.buckets ?? [])] })
  }

  #gauge(key: MetricKey, fill: (gauge: Prometheus.Gauge<string>) => void | Promise<void>): void {
    new Gauge({
      ...this.#options(key),
      async collect() {
        await fill(this)
      },
    })
  }

  #storeGauge(key: MetricKey, value: (store: StoreDetailedInfo) => number): void {
    this.#gauge(key, gauge => {
      gauge.reset()
      for (const store of this.#stores) gauge.set({ store: store.Name }, value(store))
    })
  }

  #options(key: MetricKey) {
    const { name, help, labels } = METRICS[key]
    return { name: `${PREFIX}${name}`, help, labelNames: [...labels] as string[], registers: [this.#registry] }
  }
}

const LATENCIES = [
  ['<=60s', 60],
  ['<=120s', 120],
  ['<=300s', 300],
  ['>300s', Number.POSITIVE_INFINITY],
] as const

function latencies(pings: readonly WorkerPingInfo[], now: number): Map<string, number> {
  const counts = new Map<string, number>(LATENCIES.map(([category]) => [category, 0]))
  for (const { LastPing } of pings) {
    const [category] = LATENCIES.find(([, most]) => now / 1_000 - LastPing <= most)!
    counts.set(category, counts.get(category)! + 1)
  }
  return counts
}

const THREAD_STATES = ['Empty', 'Paused', 'Running', 'Waiting', 'Errors'] as const

const threads = (pings: readonly WorkerPingInfo[]): [string, number][] =>
  THREAD_STATES.map(state => [state.toLowerCase(), pings.reduce((sum, { Info }) => sum + Info.Summary[state], 0)])
