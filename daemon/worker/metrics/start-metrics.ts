import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { SealingThread } from '../engine/sealing-thread.js'
import type { AttachedStore } from '../store/attached-store.js'
import { type MetricsServer, serveMetrics } from './metrics-server.js'
import { StoreSpaces, type WatchedStore } from './store-space.js'
import type { WorkerMetrics } from './worker-metrics.js'

export interface MetricsParts {
  readonly metrics: WorkerMetrics
  readonly threads: readonly SealingThread[]
  readonly stores: readonly AttachedStore[]
  readonly clock: Clock
  readonly log: Logger
  /** Ends the looks at the stores. */
  readonly signal: AbortSignal
}

/** Serves the metrics of a worker; undefined when the configuration does not ask for them. */
export async function startMetrics(
  config: { readonly enable: boolean; readonly listen: string },
  parts: MetricsParts,
): Promise<MetricsServer | undefined> {
  if (!config.enable) return undefined
  const { metrics, threads, stores, clock, log, signal } = parts
  const spaces = new StoreSpaces({ stores: watched(threads, stores), clock })
  const server = await serveMetrics({
    metrics: metrics.withProcess(),
    listen: config.listen,
    sources: () => ({ threads, spaces: spaces.all }),
    log,
  })
  void spaces.refreshUntil(signal)
  return server
}

/** A thread without a store has `-` for a location. */
const watched = (threads: readonly SealingThread[], stores: readonly AttachedStore[]): WatchedStore[] => [
  ...threads
    .filter(({ location }) => location !== '-')
    .map(({ location }) => ({ kind: 'sealing', name: location, root: location }) as const),
  ...stores.map(({ name, root }) => ({ kind: 'attached', name, root }) as const),
]
