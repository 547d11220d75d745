import { collectDefaultMetrics, type Registry } from 'prom-client'
import { type Metrics, metricsOf } from '../../kit/metrics/metric-registry.js'
import type { ThreadStatus } from '../engine/thread-status.js'
import type { ProcessorObserver } from '../processors/observer.js'
import type { CallObserver } from './manager-calls.js'
import { WORKER_METRICS } from './metric-table.js'
import type { StoreSpace } from './store-space.js'
import type { WindowSectorOutcome } from './window-sectors.js'

export interface WorkerIdentity {
  readonly name: string
  /** Of the interface towards the manager. */
  readonly ip: string
  readonly version: string
}

/** What a scrape looks at. */
export interface MetricsSources {
  readonly threads: readonly { readonly index: number; readonly draining: boolean; readonly status: ThreadStatus }[]
  readonly spaces: readonly StoreSpace[]
}

const SECOND_MS = 1_000
const ACTIVITIES = ['Idle', 'Running', 'Waiting', 'Paused'] as const

/** What a worker counts. Costs next to nothing as long as nobody asks for {@link text}. */
export class WorkerMetrics implements CallObserver, ProcessorObserver {
  readonly registry: Registry
  readonly #metrics: Metrics<typeof WORKER_METRICS>

  constructor({ name, ip, version }: WorkerIdentity) {
    const { registry, metrics } = metricsOf(WORKER_METRICS)
    this.registry = registry
    this.#metrics = metrics
    registry.setDefaultLabels({ worker_name: name, worker_ip: ip })
    metrics.worker_info.set({ version, node: process.version, arch: process.arch }, 1)
  }

  /** Adds what Node tells of this process: memory, processor time, the lag of the event loop. Once in a process is enough. */
  withProcess(): this {
    collectDefaultMetrics({ register: this.registry })
    return this
  }

  /** The exposition format of Prometheus. */
  async text(sources: MetricsSources): Promise<string> {
    this.#lookAtThreads(sources.threads)
    this.#lookAtStores(sources.spaces)
    return await this.registry.metrics()
  }

  managerCalled(method: string, tookMs: number, ok: boolean): void {
    const { rpc_call, rpc_error, rpc_timing } = this.#metrics
    rpc_call.inc({ method })
    rpc_timing.observe({ method }, tookMs / SECOND_MS)
    if (!ok) rpc_error.inc({ method })
  }

  stageEnded: ProcessorObserver['stageEnded'] = (stage, tookMs, result) =>
    this.#metrics.worker_stage_duration_seconds.observe({ stage, result }, tookMs / SECOND_MS)

  limitWaited: ProcessorObserver['limitWaited'] = (stage, tookMs) =>
    this.#metrics.worker_limit_wait_seconds.observe({ stage }, tookMs / SECOND_MS)

  childWaited: ProcessorObserver['childWaited'] = (stage, tookMs) =>
    this.#metrics.worker_child_wait_seconds.observe({ stage }, tookMs / SECOND_MS)

  childRestarted: ProcessorObserver['childRestarted'] = stage =>
    this.#metrics.worker_child_restarts_total.inc({ stage })

  /** The threads know of their stages' progress, and of its end. */
  progressed: ProcessorObserver['progressed'] = () => {}

  /** `store` undefined: to this machine. */
  transferred(bytes: number, store: string | undefined): void {
    this.#metrics.worker_transferred_bytes_total.inc({ to: store ?? 'local' }, bytes)
  }

  windowSectors(outcome: WindowSectorOutcome, sectors: number): void {
    this.#metrics.worker_window_sectors_total.inc({ outcome }, sectors)
  }

  #lookAtThreads(threads: MetricsSources['threads']): void {
    const metrics = this.#metrics
    const count = (matches: (thread: (typeof threads)[number]) => boolean): number => threads.filter(matches).length
    for (const state of ACTIVITIES) {
      metrics.worker_threads.set(
        { state },
        count(({ status }) => status.activity.kind === state),
      )
    }
    metrics.task_threads_pause.set(count(({ status }) => status.activity.kind === 'Paused'))
    metrics.worker_threads_with_error.set(count(({ status }) => status.lastError !== null))
    metrics.worker_threads_without_job.set(count(({ status }) => status.jobId === null))
    metrics.worker_threads_draining.set(count(({ draining }) => draining))
    metrics.worker_thread_elapsed_seconds.reset()
    metrics.worker_stage_progress_ratio.reset()
    metrics.worker_stage_eta_seconds.reset()
    for (const { index, status } of threads) {
      const { plan, activity, progress, elapsedSeconds } = status
      const stage = status.jobStage ?? ''
      const thread = String(index)
      metrics.worker_thread_elapsed_seconds.set({ thread, plan, state: activity.kind, stage }, elapsedSeconds)
      if (progress?.done !== undefined) metrics.worker_stage_progress_ratio.set({ thread, stage }, progress.done)
      if (progress?.etaSeconds !== undefined)
        metrics.worker_stage_eta_seconds.set({ thread, stage }, progress.etaSeconds)
    }
  }

  #lookAtStores(spaces: readonly StoreSpace[]): void {
    for (const { store, up, space } of spaces) {
      const labels = { kind: store.kind, store: store.name }
      this.#metrics.worker_store_up.set(labels, up ? 1 : 0)
      if (space === undefined) continue
      this.#metrics.worker_store_free_bytes.set(labels, space.freeBytes)
      this.#metrics.worker_store_size_bytes.set(labels, space.totalBytes)
    }
  }
}
