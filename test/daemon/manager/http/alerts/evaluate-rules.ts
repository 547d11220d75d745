import type { AlertRule, Condition } from '../../../../../daemon/manager/http/alert-rules.js'
import { METRICS, PREFIX } from '../../../../../daemon/manager/http/metrics-table.js'
import type { History, Series } from './history.js'

/** An alert as it fires: its rule, the labels of its series, and when, in seconds from the beginning of the history. */
export interface Fired {
  readonly rule: string
  readonly series: string
  readonly atS: number
}

/** When each rule begins to fire in a history, as Prometheus would see it at every scrape. */
export function firedIn(history: History, rules: readonly AlertRule[]): Fired[] {
  const fired: Fired[] = []
  for (const rule of rules) {
    /** Since when the condition is met, by series. */
    const pending = new Map<string, number>()
    const firing = new Set<string>()
    for (const atS of history.scrapes) {
      const met = metAt(history, rule.when, atS)
      for (const name of [...pending.keys()])
        if (!met.has(name)) {
          pending.delete(name)
          firing.delete(name)
        }
      for (const name of met) {
        const since = pending.get(name) ?? atS
        pending.set(name, since)
        if (atS - since < rule.forS || firing.has(name)) continue
        firing.add(name)
        fired.push({ rule: rule.name, series: name, atS })
      }
    }
  }
  return fired.sort((a, b) => a.atS - b.atS)
}

/** The series for which a condition is met. */
function metAt(history: History, when: Condition, atS: number): Set<string> {
  const { kind, limit = 0, overS = 0 } = when
  const values = new Map<string, number>()
  for (const series of history.series.filter(one => isMeant(one, when))) {
    const value = kind === 'above' || kind === 'below' ? history.at(series, atS) : change(history, series, atS, when)
    if (value === undefined) continue
    const name = nameOf(series, when.by)
    values.set(name, (values.get(name) ?? 0) + value)
  }
  // Prometheus has nothing to compare with in the first moments; ours waits for the whole range.
  const isKnown = atS - history.scrapes[0]! >= overS
  const isMet = (value: number): boolean => {
    if (kind === 'above' || kind === 'rises') return value > limit
    return kind === 'below' ? value < limit : isKnown && value === 0
  }
  return new Set([...values].filter(([, value]) => isMet(value)).map(([name]) => name))
}

/** How much a counter has risen, its resets allowed for; for `stands`, how often a value has changed. */
function change(history: History, series: Series, atS: number, { kind, overS = 0 }: Condition): number | undefined {
  const seen = history.between(series, atS - overS, atS)
  if (seen.length === 0) return undefined
  return seen.slice(1).reduce((sum, value, index) => {
    const before = seen[index]!
    if (kind === 'stands') return sum + (value === before ? 0 : 1)
    return sum + (value >= before ? value - before : value)
  }, 0)
}

const isMeant = ({ metric, labels }: Series, { metric: key, labels: wanted = {} }: Condition): boolean =>
  metric === `${PREFIX}${METRICS[key].name}` &&
  Object.entries(wanted).every(([name, values]) => values.includes(labels[name] ?? ''))

const nameOf = ({ labels }: Series, by: readonly string[] | undefined): string =>
  Object.entries(labels)
    .filter(([name]) => by === undefined || by.includes(name))
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
