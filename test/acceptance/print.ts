import { spawnSync } from 'node:child_process'
import { Command } from 'commander'
import { tableText } from '../../daemon/kit/terminal/table.js'
import { readRows, seedOf } from './rows.js'
import { countsBySeed, type RowResult, readReport, rowResults, unknownIds } from './states.js'

interface Options {
  seed?: string
  missing?: boolean
  json?: boolean
  run?: boolean
}

const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 99)}…` : text)

function wanted(results: readonly RowResult[], { seed, missing }: Options): RowResult[] {
  return results.filter(
    ({ id, state }) =>
      (seed === undefined || seedOf(id) === seed.toUpperCase()) &&
      (!missing || state === 'no test' || state === 'failed' || state === 'skipped'),
  )
}

function print(results: readonly RowResult[], shown: readonly RowResult[]): void {
  const lines = shown.map(({ id, kind, state, text }) => [id, kind, state, shortened(text)])
  process.stdout.write(`${tableText(['Row', 'Kind', 'State', 'Requirement'], lines)}\n\n`)
  const counts = [...countsBySeed(results)].map(([seed, of]) => [
    seed,
    of.rows,
    of.passed,
    of.failed,
    of.skipped,
    of['no test'],
    of.advice,
  ])
  process.stdout.write(
    `${tableText(['Seed', 'Rows', 'Passed', 'Failed', 'Skipped', 'No test', 'Advice only'], counts)}\n`,
  )
}

function main(options: Options): void {
  if (options.run) spawnSync('npm', ['run', 'test:fast'], { stdio: ['ignore', 'inherit', 'inherit'] })
  const tests = readReport()
  if (tests === undefined) {
    process.stderr.write('no test was run yet: run npm test first, or npm run acceptance -- --run\n')
    process.exitCode = 1
    return
  }
  const rows = readRows()
  const results = rowResults(rows, tests)
  const shown = wanted(results, options)
  if (options.json) process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`)
  else print(results, shown)
  const unknown = unknownIds(rows, tests)
  if (unknown.length > 0) process.stderr.write(`tests name rows that do not exist: ${unknown.join(', ')}\n`)
  const times = tests.map(test => test.at).sort()
  process.stderr.write(`${tests.length} tests, run between ${times[0]} and ${times.at(-1)}\n`)
}

new Command('acceptance')
  .description('the rows of the acceptance table, and what the last test runs say of each')
  .option('--seed <SEED>', 'only the rows of one seed document (S004)')
  .option('--missing', 'only rows that no test shows')
  .option('--json', 'as JSON, with the titles of the tests')
  .option('--run', 'run the fast tests first')
  .action(main)
  .parse()
