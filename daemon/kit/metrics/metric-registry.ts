import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client'
import type { MetricDeclaration } from './metric-declaration.js'

type Table = Readonly<Record<string, MetricDeclaration>>

/** The metrics of a table, typed by it. */
export type Metrics<T extends Table> = {
  readonly [N in keyof T]: {
    counter: Counter<T[N]['labels'][number]>
    gauge: Gauge<T[N]['labels'][number]>
    summary: Summary<T[N]['labels'][number]>
    histogram: Histogram<T[N]['labels'][number]>
  }[T[N]['type']]
}

/** As damocles-worker exports them. */
const QUANTILES = [0, 0.5, 0.9, 0.95, 0.99, 0.999, 1]
/** Quantiles are of the last ten minutes; sums and counts of all time. */
const QUANTILE_WINDOW = { maxAgeSeconds: 600, ageBuckets: 5 }

const KINDS = { counter: Counter, gauge: Gauge, summary: Summary, histogram: Histogram }

/** Makes every metric of a table, in a registry of its own. */
export function metricsOf<T extends Table>(table: T): { registry: Registry; metrics: Metrics<T> } {
  const registry = new Registry()
  const metrics = Object.fromEntries(
    Object.entries(table).map(([name, { type, help, labels, buckets }]) => {
      const base = { name, help, labelNames: [...labels], registers: [registry] }
      const more =
        type === 'histogram'
          ? { buckets: [...(buckets ?? [])] }
          : type === 'summary'
            ? { percentiles: QUANTILES, ...QUANTILE_WINDOW }
            : {}
      return [name, new KINDS[type]({ ...base, ...more })]
    }),
  )
  return { registry, metrics: metrics as Metrics<T> }
}
