import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { ALERT_RULES, type AlertRule, alertRulesYaml } from '../../../../../daemon/manager/http/alert-rules.js'
import { METRICS, PREFIX } from '../../../../../daemon/manager/http/metrics-table.js'
import { firedIn } from './evaluate-rules.js'
import { History } from './history.js'
import { SCENARIOS } from './scenarios.js'

const MINUTE = 60
const HOUR = 60 * MINUTE
const vector = (name: string): History =>
  History.read(readFileSync(new URL(`../../../../../../test/vectors/alerts/${name}.txt`, import.meta.url), 'utf8'))
const names = (history: History): string[] => [...new Set(firedIn(history, ALERT_RULES).map(({ rule }) => rule))]

describe('alert rules', () => {
  it('docs/alerts/damocles-manager.rules.yml is what the code declares (else: npm run docs)', () => {
    const doc = readFileSync(
      new URL('../../../../../../docs/alerts/damocles-manager.rules.yml', import.meta.url),
      'utf8',
    )
    expect(doc).to.equal(alertRulesYaml())
  })

  it('are about labels that their metrics have, and say what is to be done', () => {
    for (const { name, when, summary, action } of ALERT_RULES) {
      const labels: readonly string[] = METRICS[when.metric].labels
      const named = [...Object.keys(when.labels ?? {}), ...(when.by ?? [])]
      const shown = [...summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!)
      expect(labels, name).to.include.members([...named, ...shown])
      expect(action.length, name).to.be.greaterThan(10)
    }
  })

  for (const [name, { about, fires }] of Object.entries(SCENARIOS))
    it(`${name} (${about}): ${fires.length === 0 ? 'all stay silent' : fires.join(', ')}`, () => {
      expect(names(vector(name))).to.deep.equal(fires)
    })

  it('a slow prover is told of before the window is missed, slow stores before it has opened', () => {
    const first = (scenario: string, rule: string): number =>
      firedIn(vector(scenario), ALERT_RULES).find(fired => fired.rule === rule)!.atS
    expect(first('slow-prover', 'PostWindowMissed') - first('slow-prover', 'PostWindowAtRisk')).to.be.greaterThan(
      10 * MINUTE,
    )
    expect(first('slow-stores', 'PostWindowMissed') - first('slow-stores', 'PostForecastLate')).to.be.greaterThan(
      30 * MINUTE,
    )
  })

  /** Made, not recorded: what a poster's history does not hold. `values`: one a minute. */
  const made = (series: string, values: readonly number[]): History => {
    const history = new History()
    for (const [minute, value] of values.entries())
      history.add(minute * MINUTE, new Map([[`${PREFIX}${series}`, value]]))
    return history
  }
  const minutes = (count: number, value: number): number[] => Array.from({ length: count }, () => value)

  const CASES: readonly (readonly [rule: string, fires: History, silent: History])[] = [
    [
      'StoreDown',
      made('store_up{store="s1"}', [1, ...minutes(7, 0)]),
      made('store_up{store="s1"}', [1, 0, 0, 0, 1, 0, 0, 0, 1]),
    ],
    ['DatabaseDown', made('database_up', [1, 0, 0]), made('database_up', [1, 0, 1, 1])],
    [
      'NeedsAPerson',
      made('alarms{alarm="funds"}', minutes(12, 1)),
      made('alarms{alarm="funds"}', [...minutes(9, 1), 0, ...minutes(9, 1)]),
    ],
    [
      'PostForecastTight',
      made('post_forecast_ratio{miner="1000"}', minutes(130, 0.8)),
      made('post_forecast_ratio{miner="1000"}', [...minutes(100, 0.8), 0.6, ...minutes(100, 0.8)]),
    ],
    [
      'PostRehearsalFails',
      made('post_rehearsals{miner="1000",verdict="failed"}', [0, 1, 2, 3]),
      made('post_rehearsals{miner="1000",verdict="failed"}', [0, 1, 2, ...minutes(130, 2), 3, 4]),
    ],
  ]
  for (const [rule, fires, silent] of CASES)
    it(`${rule} fires when it should, and not when it should not`, () => {
      expect(names(fires)).to.include(rule)
      expect(names(silent)).to.not.include(rule)
    })

  it('a counter that begins anew after a restart is no alarm, and its first event after it is', () => {
    const restarted = made('post_windows{miner="1000",outcome="missed"}', [0, 0, 0, 0, 0])
    expect(names(restarted)).to.not.include('PostWindowMissed')
    const missed = made('post_windows{miner="1000",outcome="missed"}', [5, 5, 0, 1])
    expect(names(missed)).to.include('PostWindowMissed')
  })

  it('each rule is met by some history', () => {
    const met = new Set([...Object.values(SCENARIOS).flatMap(({ fires }) => fires), ...CASES.map(([rule]) => rule)])
    expect([...met].sort()).to.deep.equal(ALERT_RULES.map(({ name }: AlertRule) => name).sort())
    expect(ALERT_RULES.every(({ forS }) => forS <= 2 * HOUR)).to.equal(true)
  })
})
