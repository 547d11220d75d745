import type { CheckResult, SuiteReport } from './suite.js'

const SEEN_COLUMN = 60
const EXPECTED_COLUMN = 80

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

/** The report as a table, then in full what did not pass, then the verdict. */
export function reportText(
  { command, stage, results, conforms }: SuiteReport,
  table: (header: readonly string[], rows: readonly (readonly string[])[]) => string,
): string {
  const rows = results.map(({ check, result, expected, seen }) => [
    check,
    result === 'pass' ? 'ok' : result.toUpperCase(),
    cut(expected, EXPECTED_COLUMN),
    cut(seen, SEEN_COLUMN),
  ])
  const bad = results.filter(({ result }) => result === 'fail' || result === 'warn')
  const number = (wanted: CheckResult['result']): number => results.filter(({ result }) => result === wanted).length
  const counts = `${number('pass')} ok, ${number('fail')} failed, ${number('warn')} warnings, ${number('skip')} skipped`
  return [
    `${command.join(' ')}  (${stage ?? 'never ready'})`,
    '',
    table(['CHECK', 'RESULT', 'EXPECTED', 'SEEN'], rows),
    ...bad.flatMap(detail),
    '',
    `${conforms ? 'conforms' : 'does NOT conform'}: ${counts}`,
  ].join('\n')
}

const detail = ({ check, result, expected, seen, stderr = [] }: CheckResult): string[] => [
  '',
  `${result.toUpperCase()} ${check}`,
  `  expected  ${expected}`,
  `  seen      ${seen}`,
  ...stderr.slice(-5).map(line => `  stderr    ${line}`),
]
