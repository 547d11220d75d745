import { existsSync, readFileSync } from 'node:fs'
import { idsIn, type Row, seedOf } from './rows.js'

/** One test as `summary-reporter.cjs` writes it down. */
export interface ReportedTest {
  /** With the titles of all `describe` around it. */
  readonly title: string
  readonly state: 'passed' | 'failed' | 'skipped'
  /** Relative to the project, as it was run. */
  readonly file: string
  /** When it was run, ISO 8601. */
  readonly at: string
}

/** `advice`: nothing to build, and no test names it. */
export type RowState = 'passed' | 'failed' | 'skipped' | 'no test' | 'advice'

export interface RowResult extends Row {
  readonly state: RowState
  /** Titles of the tests that name the row. */
  readonly tests: readonly string[]
}

/** What the last runs of all test files said; undefined when no test was run. */
export function readReport(): ReportedTest[] | undefined {
  const path = new URL('../../test-report.json', import.meta.url)
  if (!existsSync(path)) return undefined
  return (JSON.parse(readFileSync(path, 'utf8')) as { tests: ReportedTest[] }).tests
}

/** A row is as good as the worst test that names it; a skipped test shows nothing. */
export function rowResults(rows: readonly Row[], tests: readonly ReportedTest[]): RowResult[] {
  const naming = new Map<string, ReportedTest[]>()
  for (const test of tests) {
    for (const id of idsIn(test.title)) naming.set(id, [...(naming.get(id) ?? []), test])
  }
  return rows.map(row => {
    const named = naming.get(row.id) ?? []
    return { ...row, state: stateOf(row, named), tests: named.map(test => test.title) }
  })
}

function stateOf(row: Row, tests: readonly ReportedTest[]): RowState {
  for (const state of ['failed', 'passed', 'skipped'] as const) {
    if (tests.some(test => test.state === state)) return state
  }
  return row.kind === 'ops' ? 'advice' : 'no test'
}

/** Ids that tests name and no row has: misspelt ones. */
export function unknownIds(rows: readonly Row[], tests: readonly ReportedTest[]): string[] {
  const known = new Set(rows.map(row => row.id))
  return [...new Set(tests.flatMap(test => idsIn(test.title)))].filter(id => !known.has(id)).sort()
}

export type Counts = Record<RowState, number> & { rows: number }

/** How many rows of each seed are in which state, and of all together (`all`). */
export function countsBySeed(results: readonly RowResult[]): Map<string, Counts> {
  const counts = new Map<string, Counts>()
  for (const { id, state } of results) {
    for (const group of [seedOf(id), 'all']) {
      const of = counts.get(group) ?? { rows: 0, passed: 0, failed: 0, skipped: 0, 'no test': 0, advice: 0 }
      of.rows++
      of[state]++
      counts.set(group, of)
    }
  }
  const all = counts.get('all')
  counts.delete('all')
  if (all) counts.set('all', all)
  return counts
}
