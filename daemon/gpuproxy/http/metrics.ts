import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { WorkerStatistics } from '../../../rpc-schema/gpuproxy/lease-methods.js'
import type { HttpHandler } from '../../kit/http/http-server.js'
import type { JobState } from '../../kit/queue/job-table.js'
import type { TaskEvent } from '../tasks/tasks.js'

export interface MetricsSources {
  tasks(): Promise<Readonly<Record<JobState, number>>>
  workers(): Promise<readonly WorkerStatistics[]>
}

/** What gpuproxy counts, at `/metrics`. */
export class ProxyMetrics {
  readonly #registry = new Registry()
  readonly #events: Counter<'event'>
  readonly #requests: Histogram<'method' | 'result'>

  constructor(sources: MetricsSources) {
    const registers = [this.#registry]
    this.#events = new Counter({
      name: 'gpuproxy_task_events_total',
      help: 'What happened to tasks',
      labelNames: ['event'],
      registers,
    })
    this.#requests = new Histogram({
      name: 'gpuproxy_request_duration_ms',
      help: 'Time of an API request',
      labelNames: ['method', 'result'] as const,
      buckets: [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000],
      registers,
    })
    new Gauge({
      name: 'gpuproxy_tasks',
      help: 'Tasks by state',
      labelNames: ['state'],
      registers,
      async collect() {
        for (const [state, count] of Object.entries(await sources.tasks())) this.set({ state }, count)
      },
    })
    const perWorker = { labelNames: ['worker', 'outcome'] as const, registers }
    new Gauge({
      name: 'gpuproxy_worker_tasks',
      help: 'Tasks that each worker has claimed, proven, failed, and proven wrongly',
      ...perWorker,
      async collect() {
        this.reset()
        for (const { workerId: worker, claimed, proven, failed, invalid } of await sources.workers())
          for (const [outcome, count] of Object.entries({ claimed, proven, failed, invalid }))
            this.set({ worker, outcome }, count)
      },
    })
  }

  event(event: TaskEvent): void {
    this.#events.inc({ event })
  }

  request(method: string, tookMs: number, ok: boolean): void {
    this.#requests.observe({ method, result: ok ? 'ok' : 'error' }, tookMs)
  }

  readonly handler: HttpHandler = async (_, response) => {
    const text = await this.#registry.metrics()
    response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text)
  }
}
