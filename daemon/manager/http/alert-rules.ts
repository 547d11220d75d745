import { METRICS, type MetricKey, PREFIX } from './metrics-table.js'

/** Values of a label: one of these. */
export type Labels = Readonly<Record<string, readonly string[]>>

/**
 * When a rule is met, for each series on its own.
 *
 * | kind     | meaning                                                                     |
 * |----------|-----------------------------------------------------------------------------|
 * | above    | the value is above a limit                                                   |
 * | below    | the value is below a limit                                                   |
 * | rises    | the counter has risen by more than `limit` within `overS` seconds             |
 * | silent   | the counter has not risen within `overS` seconds                             |
 * | stands   | the value has not changed within `overS` seconds                             |
 */
export interface Condition {
  readonly kind: 'above' | 'below' | 'rises' | 'silent' | 'stands'
  readonly metric: MetricKey
  readonly labels?: Labels
  readonly limit?: number
  readonly overS?: number
  /** Series that differ in other labels than these are added up first. */
  readonly by?: readonly string[]
}

export interface AlertRule {
  readonly name: string
  /** `critical`: sectors are lost, or will be within the hour. */
  readonly severity: 'critical' | 'warning'
  readonly when: Condition
  /** It has to be met for so long. */
  readonly forS: number
  readonly summary: string
  /** What a person does. */
  readonly action: string
}

const MINUTE = 60
const HOUR = 60 * MINUTE

/** What somebody should be woken for, and what can wait until the morning. */
export const ALERT_RULES: readonly AlertRule[] = [
  {
    name: 'PostWindowMissed',
    severity: 'critical',
    when: { kind: 'rises', metric: 'windows', labels: { outcome: ['missed', 'partly'] }, limit: 0, overS: 2 * HOUR },
    forS: 0,
    summary: 'A proving window of miner {{ $labels.miner }} was missed, in whole or in part',
    action: 'util post timeline names what was late; its sectors are faulty until they are declared recovered',
  },
  {
    name: 'PostWindowAtRisk',
    severity: 'critical',
    when: { kind: 'above', metric: 'windowsAtRisk', limit: 0 },
    forS: MINUTE,
    summary: 'An open proving window of miner {{ $labels.miner }} will be missed at the present pace',
    action: 'util post timeline --steps shows how far it is; free the prover of other work',
  },
  {
    name: 'PostForecastLate',
    severity: 'critical',
    when: { kind: 'above', metric: 'forecast', limit: 1 },
    forS: 0,
    summary: 'The coming proving window of miner {{ $labels.miner }} needs more time than there is',
    action: 'util post rehearsals shows what is slow: the stores, or the rest',
  },
  {
    name: 'PostForecastTight',
    severity: 'warning',
    when: { kind: 'above', metric: 'forecast', limit: 0.7 },
    forS: 2 * HOUR,
    summary: 'The proving windows of miner {{ $labels.miner }} leave less than 30 % of their time',
    action: 'add readers, provers, or spread the sectors over more stores',
  },
  {
    name: 'PostUnreadSectors',
    severity: 'warning',
    when: { kind: 'above', metric: 'unreadSectors', limit: 0 },
    forS: 0,
    summary: 'Sectors of miner {{ $labels.miner }} could not be read before their window',
    action: 'util post rehearse names them and why; mount their store before the window opens',
  },
  {
    name: 'PostRehearsalFails',
    severity: 'warning',
    when: { kind: 'rises', metric: 'rehearsals', labels: { verdict: ['failed'] }, limit: 2, overS: 2 * HOUR },
    forS: 0,
    summary: 'Nothing is foreseen of the windows of miner {{ $labels.miner }}: rehearsals fail',
    action: 'util post rehearsals --json says why',
  },
  {
    name: 'PostSectorsSkipped',
    severity: 'warning',
    when: { kind: 'rises', metric: 'windowSkipped', limit: 0, overS: HOUR },
    forS: 0,
    summary: 'Sectors of miner {{ $labels.miner }} were left out of a proof, and have become faulty',
    action:
      'the log names them (bad sector, a sector cannot be proven); they are declared recovered when they can be read again',
  },
  {
    name: 'PostSilent',
    severity: 'critical',
    when: { kind: 'silent', metric: 'windows', overS: 90 * MINUTE, by: ['miner'] },
    forS: 30 * MINUTE,
    summary: 'No proving window of miner {{ $labels.miner }} has come to its end for two hours',
    action: 'the manager does not follow the chain, or has no --poster: look at its log and util chain head',
  },
  {
    name: 'ChainHeadStands',
    severity: 'critical',
    when: { kind: 'stands', metric: 'headHeight', overS: 15 * MINUTE },
    forS: 0,
    summary: 'The manager has seen no new head for 15 minutes',
    action: 'look at the chain node; with several in Common.API.Chain the best one is used',
  },
  {
    name: 'StoreDown',
    severity: 'warning',
    when: { kind: 'below', metric: 'storeUp', limit: 1 },
    forS: 5 * MINUTE,
    summary: 'The persist store {{ $labels.store }} does not answer',
    action: 'look at its mount; its sectors are not proven meanwhile',
  },
  {
    name: 'DatabaseDown',
    severity: 'critical',
    when: { kind: 'below', metric: 'database', limit: 1 },
    forS: MINUTE,
    summary: 'The database of the manager cannot be read, or takes no writes',
    action: 'look at its disk, or its server',
  },
  {
    name: 'NeedsAPerson',
    severity: 'warning',
    when: { kind: 'above', metric: 'alarms', limit: 0 },
    forS: 10 * MINUTE,
    summary: 'The manager has alarms of the kind {{ $labels.alarm }}',
    action: 'util alarms says what they are about, and what can be done',
  },
]

/** The file of rules for Prometheus. */
export const alertRulesYaml = (): string =>
  [
    '# Made from daemon/manager/http/alert-rules.ts by `npm run docs`.',
    'groups:',
    '  - name: damocles-manager',
    '    rules:',
    ...ALERT_RULES.flatMap(rule => [
      `      - alert: ${rule.name}`,
      `        expr: ${quoted(expression(rule.when))}`,
      `        for: ${duration(rule.forS)}`,
      '        labels:',
      `          severity: ${rule.severity}`,
      '        annotations:',
      `          summary: ${quoted(rule.summary)}`,
      `          action: ${quoted(rule.action)}`,
    ]),
    '',
  ].join('\n')

const quoted = (text: string): string => (text.includes('"') ? `'${text.replaceAll("'", "''")}'` : JSON.stringify(text))

function expression({ kind, metric, labels, limit = 0, overS = 0, by }: Condition): string {
  const series = `${PREFIX}${METRICS[metric].name}${matchers(labels)}`
  const added = (text: string): string => (by === undefined ? text : `sum by (${by.join(', ')}) (${text})`)
  const range = `[${duration(overS)}]`
  switch (kind) {
    case 'above':
      return `${added(series)} > ${limit}`
    case 'below':
      return `${added(series)} < ${limit}`
    case 'stands':
      return `changes(${series}${range}) == 0`
    case 'rises':
      return `${added(`increase(${series}${range})`)} > ${limit}`
    case 'silent':
      return `${added(`increase(${series}${range})`)} == 0`
  }
}

const matchers = (labels: Labels | undefined): string =>
  labels === undefined
    ? ''
    : `{${Object.entries(labels)
        .map(([name, values]) => `${name}=~${JSON.stringify(values.join('|'))}`)
        .join(',')}}`

const duration = (seconds: number): string => (seconds % MINUTE === 0 ? `${seconds / MINUTE}m` : `${seconds}s`)
