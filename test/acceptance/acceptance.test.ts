import { expect } from 'chai'
import { idsIn, type Row, readRows } from './rows.js'
import { countsBySeed, type ReportedTest, rowResults, unknownIds } from './states.js'

const rows: Row[] = [
  { id: 'S004-1', kind: 'cfg', text: 'one' },
  { id: 'S004-2', kind: 'val', text: 'two' },
  { id: 'S004-3', kind: 'ops', text: 'three' },
  { id: 'S004-4', kind: 'ops', text: 'four' },
  { id: 'S000-4', kind: 'beh', text: 'of another seed' },
]
const test = (title: string, state: ReportedTest['state']): ReportedTest => ({
  title,
  state,
  file: 'dist/test/a.test.js',
  at: '2026-01-01T00:00:00.000Z',
})
const states = (...tests: ReportedTest[]) =>
  Object.fromEntries(rowResults(rows, tests).map(({ id, state }) => [id, state]))

describe('acceptance table', () => {
  describe('the ids in a title', () => {
    // The titles of these tests must not name rows themselves.
    for (const [what, title, ids] of [
      ['one', 'S004-65: the second starts later', ['S004-65']],
      ['several', 'S004-28 S004-47: several', ['S004-28', 'S004-47']],
      ['of two seeds', 'S004-28, S000-1: of two seeds', ['S004-28', 'S000-1']],
      ['a range', 'S004-28…31: a range', ['S004-28', 'S004-29', 'S004-30', 'S004-31']],
      ['a range with two dots', 'S004-28..30', ['S004-28', 'S004-29', 'S004-30']],
      ['a range with a dash', 'S004-9...-11', ['S004-9', 'S004-10', 'S004-11']],
      ['a range between whole ids', 'S000-15 … S000-16: words', ['S000-15', 'S000-16']],
      ['no range across seeds', 'S004-1...S000-2', ['S004-1', 'S000-2']],
      ['each once', 'S004-1 S004-1', ['S004-1']],
      ['nothing else', 's-t01000-7 and XS004-1', []],
    ] as const) {
      it(what, () => expect(idsIn(title)).to.deep.equal(ids))
    }
  })

  it('a row is as good as its worst test', () => {
    expect(states(test('S004-1: a', 'passed'), test('b S004-1…2', 'failed'), test('S000-4', 'skipped'))).to.deep.equal({
      'S004-1': 'failed',
      'S004-2': 'failed',
      'S004-3': 'advice',
      'S004-4': 'advice',
      'S000-4': 'skipped',
    })
    expect(states(test('S004-1: a', 'passed'), test('S004-1', 'skipped'))['S004-1']).to.equal('passed')
  })

  it('advice counts as shown when a test names it', () => {
    const found = states(test('S004-3', 'passed'))
    expect([found['S004-3'], found['S004-4'], found['S004-1']]).to.deep.equal(['passed', 'advice', 'no test'])
  })

  it('counts by seed and together', () => {
    const counts = countsBySeed(rowResults(rows, [test('S004-1 S000-4', 'passed')]))
    expect([...counts.keys()]).to.deep.equal(['S004', 'S000', 'all'])
    expect(counts.get('S004')).to.deep.equal({ rows: 4, passed: 1, failed: 0, skipped: 0, 'no test': 1, advice: 2 })
    expect(counts.get('all')!.passed).to.equal(2)
  })

  it('tells of ids that no row has', () => {
    expect(unknownIds(rows, [test('S004-4…5 S009-1', 'passed')])).to.deep.equal(['S004-5', 'S009-1'])
  })

  it('has every row of the seed documents, once', () => {
    const all = readRows()
    expect(new Set(all.map(row => row.id)).size).to.equal(all.length)
    const seeds = countsBySeed(rowResults(all, []))
    expect([...seeds].map(([seed, { rows }]) => [seed, rows])).to.deep.equal([
      ['S000', 48],
      ['S001', 46],
      ['S002', 42],
      ['S003', 82],
      ['S004', 101],
      ['all', 319],
    ])
    for (const row of all)
      expect(row.kind, row.id).to.match(/^(cmd|flag|cfg|dflt|val|beh|fmt|db|env|num|ops)(\/[a-z]+)?$/)
  })
})
