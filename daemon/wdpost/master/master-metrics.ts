import type { Registry } from 'prom-client'
import type { HttpHandler } from '../../kit/http/http-server.js'
import { type Metrics, metricsOf } from '../../kit/metrics/metric-registry.js'
import { MASTER_METRICS } from './metrics-table.js'
import { type SlaveOutcome, TASK_EVENTS, type TaskEvent, type TaskObserver } from './task-events.js'

/** Where the values come from that are looked up when somebody asks. */
export interface MasterSources {
  /** By state, and those in the archive. */
  tasks(): Promise<Readonly<Record<string, number>>>
  /** By slave. */
  running(): Promise<ReadonlyMap<string, number>>
  wanted(): { readonly proofs: number; readonly trials: number; readonly oldestMs: number }
  /** Since when each slave that is remembered was not heard of, ms. */
  silences(): ReadonlyMap<string, number>
}

const OUTCOMES = [...new Set(Object.values(TASK_EVENTS))].filter(outcome => outcome !== undefined)

/** What a master counts, at `/metrics`. */
export class MasterMetrics implements TaskObserver {
  readonly #registry: Registry
  readonly #metrics: Metrics<typeof MASTER_METRICS>
  readonly #slaves = new Map<string, Map<SlaveOutcome, number>>()

  constructor(version: string) {
    const { registry, metrics } = metricsOf(MASTER_METRICS)
    this.#registry = registry
    this.#metrics = metrics
    metrics.wdpost_info.set({ version }, 1)
    // A counter that appears with its first event is not seen to rise by it.
    for (const event of Object.keys(TASK_EVENTS)) metrics.wdpost_task_events_total.inc({ event }, 0)
  }

  event(event: TaskEvent, { slave, count = 1 }: { readonly slave?: string; readonly count?: number } = {}): void {
    this.#metrics.wdpost_task_events_total.inc({ event }, count)
    const outcome = TASK_EVENTS[event]
    if (outcome === undefined || slave === undefined) return
    const own = this.#slaves.get(slave) ?? new Map<SlaveOutcome, number>()
    this.#slaves.set(slave, own.set(outcome, (own.get(outcome) ?? 0) + count))
  }

  proven(tookMs: number): void {
    this.#metrics.wdpost_proof_seconds.observe(tookMs / 1_000)
  }

  handler(sources: MasterSources): HttpHandler {
    return async (_, response) => {
      await this.#look(sources)
      const text = await this.#registry.metrics()
      response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text)
    }
  }

  async #look(sources: MasterSources): Promise<void> {
    const [tasks, running] = await Promise.all([sources.tasks(), sources.running()])
    const metrics = this.#metrics
    for (const [state, count] of Object.entries(tasks)) metrics.wdpost_tasks.set({ state }, count)
    const { proofs, trials, oldestMs } = sources.wanted()
    metrics.wdpost_wanted.set({ kind: 'proof' }, proofs)
    metrics.wdpost_wanted.set({ kind: 'trial' }, trials)
    metrics.wdpost_wanted_oldest_seconds.set(oldestMs / 1_000)
    for (const gauge of [metrics.wdpost_slave_running, metrics.wdpost_slave_tasks, metrics.wdpost_slave_silent_seconds])
      gauge.reset()
    for (const [slave, count] of running) metrics.wdpost_slave_running.set({ slave }, count)
    const silences = sources.silences()
    for (const [slave, ms] of silences) metrics.wdpost_slave_silent_seconds.set({ slave }, ms / 1_000)
    for (const [slave, own] of this.#slaves)
      if (!silences.has(slave)) this.#slaves.delete(slave)
      else for (const outcome of OUTCOMES) metrics.wdpost_slave_tasks.set({ slave, outcome }, own.get(outcome) ?? 0)
  }
}
