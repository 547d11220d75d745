import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'

const ROOT = new URL('../../../', import.meta.url)
const SCENARIOS = 48
const STAGE_SCENARIOS = 9
/** A row without a test says why. */
const REASON = /^– \S.{10,}/

const rows = readFileSync(new URL('docs/faults.md', ROOT), 'utf8')
  .split('\n')
  .filter(line => /^\| S?\d+ \|/.test(line))
  .map(line => line.slice(2, -2).split(' | ') as [string, string, string, string])

/** What a cell names: files of tests, each with parts of titles. */
const named = (cell: string): { file: string; titles: string[] }[] =>
  [...cell.matchAll(/`([\w/-]+)`:((?:\s*,?\s*"[^"]+")+)/g)].map(([, file, titles]) => ({
    file: file!,
    titles: [...titles!.matchAll(/"([^"]+)"/g)].map(([, title]) => title!),
  }))

describe('docs/faults.md', () => {
  it('has every scenario once, in order', () => {
    const numbers = (length: number, before: string): string[] =>
      Array.from({ length }, (_, at) => `${before}${at + 1}`)
    expect(rows.map(([number]) => number)).to.deep.equal([...numbers(SCENARIOS, ''), ...numbers(STAGE_SCENARIOS, 'S')])
  })

  for (const [number, scenario, invariants, cell] of rows)
    it(`fault ${number}, ${scenario}: names tests that there are, or a reason`, () => {
      expect(invariants).to.match(/^I[1-7]( I[1-7])*$/)
      const tests = named(cell)
      if (tests.length === 0) return void expect(cell).to.match(REASON)
      for (const { file, titles } of tests) {
        const path = new URL(`test/${file}.test.ts`, ROOT)
        expect(existsSync(path), `test/${file}.test.ts`).to.equal(true)
        const text = readFileSync(path, 'utf8')
        for (const title of titles) expect(text, `"${title}" in test/${file}.test.ts`).to.include(title)
      }
    })
})
