import { type ConfigProblem, problemText } from './config-error.js'
import type { EffectiveTable } from './effective-table.js'
import { effectiveText } from './effective-text.js'
import { tomlKey } from './toml-text.js'

/** Something that was found in a configuration. */
export interface Finding {
  readonly file: string
  readonly problem: ConfigProblem
  readonly found: 'problem' | 'warning'
  /** The daemon does not start. */
  readonly refuses: boolean
}

export const findingText = ({ file, problem }: Finding): string => problemText(file, problem)

export interface CheckReport {
  readonly file: string
  readonly findings: readonly Finding[]
  /** Every setting that holds; none when the file cannot be read as a configuration at all. */
  readonly tables: readonly EffectiveTable[]
  /** What the configuration is for, for the last line: `3 sealing threads`. */
  readonly subject?: string
}

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

const of = (report: CheckReport, kind: Finding['found']): Finding[] =>
  report.findings.filter(({ found }) => found === kind)

export const isGood = (report: CheckReport): boolean => of(report, 'problem').length === 0

/** What `config check` prints. */
export function checkReportText(report: CheckReport): string {
  const [problems, warnings] = [of(report, 'problem'), of(report, 'warning')]
  const verdict = problems.length === 0 ? 'good' : counted(problems.length, 'problem')
  const told = warnings.length === 0 ? '' : `, ${counted(warnings.length, 'warning')}`
  return [
    ...(report.tables.length > 0 ? [effectiveText(report.tables)] : []),
    ...problems.map(problem => `problem: ${findingText(problem)}`),
    ...warnings.map(warning => `warning: ${findingText(warning)}`),
    `${report.file}: ${verdict}${told}${report.subject === undefined ? '' : `, ${report.subject}`}`,
    '',
  ].join('\n')
}

/** The same as JSON. */
export function checkReportJson(report: CheckReport): string {
  const plain = ({ file, problem, refuses }: Finding): object => ({ file, ...problem, refuses })
  const value = {
    file: report.file,
    good: isGood(report),
    problems: of(report, 'problem').map(plain),
    warnings: of(report, 'warning').map(plain),
    config: report.tables.map(({ settings, ...table }) => ({
      ...table,
      settings: settings.map(({ key, ...setting }) => ({ key: key.map(tomlKey).join('.'), ...setting })),
    })),
  }
  return `${JSON.stringify(value, null, 2)}\n`
}
