import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { WORKER_METRICS } from '../../../../daemon/worker/metrics/metric-table.js'
import { WorkerMetrics } from '../../../../daemon/worker/metrics/worker-metrics.js'

// Compiled tests run from dist/, documents stay in the source tree.
const document = (name: string): string => readFileSync(new URL(`../../../../../docs/${name}`, import.meta.url), 'utf8')

/** Words of PromQL that stand where a name may. */
const WORDS = new Set(['and', 'or', 'unless', 'on', 'ignoring', 'group_left', 'group_right', 'bool', 'offset'])

/** Series named in an expression of PromQL. */
function seriesOf(expression: string): string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(by|without)\s*\([^)]*\)/g, ' ')
  return [...bare.matchAll(/[A-Za-z_:][\w:]*(?!\w|\s*\()/g)].map(([name]) => name).filter(name => !WORDS.has(name))
}

/** Labels that an expression asks for. */
const labelsOf = (expression: string): string[] => [
  ...[...expression.matchAll(/([a-z_]+)\s*(?:=~|!=|!~|=)\s*"/g)].map(match => match[1]!),
  ...[...expression.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)].flatMap(match => match[1]!.split(/,\s*/)),
]

function texts(json: unknown, key: string): string[] {
  if (Array.isArray(json)) return json.flatMap(item => texts(item, key))
  if (typeof json !== 'object' || json === null) return []
  return Object.entries(json).flatMap(([name, value]) =>
    name === key && typeof value === 'string' ? [value] : texts(value, key),
  )
}

const { registry } = new WorkerMetrics({ name: 'w', ip: '127.0.0.1', version: 'v0' }).withProcess()
const registered = new Set(registry.getMetricsAsArray().map(({ name }) => name))
const declared: Readonly<Record<string, { type: string; labels: readonly string[] }>> = WORKER_METRICS

/** The metric to which a series belongs: a histogram and a summary make several. */
function metricOf(series: string): string {
  const base = series.replace(/_(bucket|sum|count)$/, '')
  const parts = { histogram: /_(bucket|sum|count)$/, summary: /_(sum|count)$/ } as Readonly<Record<string, RegExp>>
  return parts[declared[base]?.type ?? '']?.test(series) ? base : series
}

describe('the Grafana dashboard of the worker', () => {
  const dashboard = JSON.parse(document('grafana/damocles-worker.json')) as { templating: unknown }
  const expressions = texts(dashboard, 'expr')
  const queries = texts(dashboard.templating, 'definition')

  it('asks only for metrics that a worker has', () => {
    expect(expressions.length).to.be.greaterThan(20)
    const asked = [...expressions.flatMap(seriesOf), ...queries.map(text => /\(([^,]+),/.exec(text)![1]!)]
    expect(asked.map(metricOf).filter(name => !registered.has(name))).to.deep.equal([])
  })

  it('asks only for labels that these metrics have', () => {
    for (const expression of expressions) {
      const known = new Set(['worker_name', 'worker_ip', 'quantile', 'le'])
      for (const series of seriesOf(expression))
        for (const label of declared[metricOf(series)]?.labels ?? []) known.add(label)
      expect(
        labelsOf(expression).filter(label => !known.has(label)),
        expression,
      ).to.deep.equal([])
    }
  })

  it('shows every metric of the table', () => {
    const asked = new Set(expressions.flatMap(seriesOf).map(metricOf))
    expect(Object.keys(WORKER_METRICS).filter(name => !asked.has(name))).to.deep.equal([])
  })

  it('a panel has a place of its own and an identity', () => {
    const { panels } = dashboard as unknown as { panels: { id: number; gridPos: { x: number; y: number } }[] }
    expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length)
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x},${y}`)).size).to.equal(panels.length)
  })

  it('finds the names in an expression', () => {
    const text = 'sum by (a, le) (rate(x_bucket{b="c{d}", e!=""}[5m])) / on (f) group_left y:z > bool 2'
    expect(seriesOf(text.replace('on (f) ', ''))).to.deep.equal(['x_bucket', 'y:z'])
  })
})

describe('the document on metrics', () => {
  it('has every metric of the table, with its type, its labels and what it means', () => {
    const [ofWorkers] = document('metrics.md').split('\n# Metrics of the manager\n')
    const rows = ofWorkers!
      .split('\n')
      .filter(line => line.startsWith('| `'))
      .map(line => line.slice(2, -2).split(' | '))
    const expected = Object.entries(WORKER_METRICS).map(([name, { type, labels, help }]) => [
      `\`${name}\``,
      type,
      labels.map(label => `\`${label}\``).join(', '),
      help,
    ])
    expect(rows).to.deep.equal(expected)
  })
})
