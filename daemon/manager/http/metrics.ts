import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { HttpHandler } from '../../kit/http/http-server.js'
import type { ChainMessage } from '../commitment/chain-message.js'

export interface MetricsSources {
  sectors(): Promise<Record<'online' | 'offline', number>>
  workers(): Promise<number>
  headHeight(): number | undefined
}

/** What the manager counts, at `/metrics`. */
export class ManagerMetrics {
  readonly #registry = new Registry()
  readonly #newSectors: Counter<'miner'>
  readonly #preCommits: Counter<'miner' | 'exit_code'>
  readonly #commits: Counter<'miner' | 'exit_code'>
  readonly #requests: Histogram<'method' | 'result'>

  constructor(version: string, sources: MetricsSources) {
    const registers = [this.#registry]
    new Gauge({ name: 'info', help: 'Version of the manager', labelNames: ['version'], registers }).set({ version }, 1)
    this.#newSectors = new Counter({ name: 'new_sector', help: 'Sectors allocated', labelNames: ['miner'], registers })
    const outcome = { labelNames: ['miner', 'exit_code'] as const, registers }
    this.#preCommits = new Counter({ name: 'sector_pre_commit', help: 'Sectors whose pre-commit landed', ...outcome })
    this.#commits = new Counter({ name: 'sector_commit', help: 'Sectors whose prove-commit landed', ...outcome })
    this.#requests = new Histogram({
      name: 'api_request_duration_ms',
      help: 'Time of an API request',
      labelNames: ['method', 'result'] as const,
      buckets: [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000],
      registers,
    })
    new Gauge({
      name: 'sectors',
      help: 'Records of sectors by store',
      labelNames: ['store'],
      registers,
      async collect() {
        for (const [store, count] of Object.entries(await sources.sectors())) this.set({ store }, count)
      },
    })
    new Gauge({
      name: 'workers',
      help: 'Workers that have pinged',
      registers,
      async collect() {
        this.set(await sources.workers())
      },
    })
    new Gauge({
      name: 'chain_head_height',
      help: 'Height of the newest head seen',
      registers,
      collect() {
        this.set(sources.headHeight() ?? 0)
      },
    })
  }

  sectorAllocated(miner: number): void {
    this.#newSectors.inc({ miner: String(miner) })
  }

  messageLanded({ kind, miner, receipt, sectors }: ChainMessage): void {
    const counter = kind === 'pre' ? this.#preCommits : this.#commits
    counter.inc({ miner: String(miner), exit_code: String(receipt?.ExitCode ?? '') }, sectors.length)
  }

  request(method: string, tookMs: number, ok: boolean): void {
    this.#requests.observe({ method, result: ok ? 'ok' : 'error' }, tookMs)
  }

  readonly handler: HttpHandler = async (_, response) => {
    const text = await this.#registry.metrics()
    response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text)
  }
}
