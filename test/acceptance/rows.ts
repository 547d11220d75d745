import { readFileSync } from 'node:fs'

/** One requirement of the seed documents. */
export interface Row {
  /** `S004-65` */
  readonly id: string
  /** `cfg`, `dflt`, `beh`, …; `ops` is advice to operators: there is nothing to build, only nothing to contradict. */
  readonly kind: string
  readonly text: string
}

export const seedOf = (id: string): string => id.slice(0, 4)

/** The rows of `rows.tsv`. Tests run from `dist/`, the table stays in the source tree. */
export function readRows(): Row[] {
  const text = readFileSync(new URL('../../../test/acceptance/rows.tsv', import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map(line => {
      const [id, kind, requirement] = line.split('\t')
      return { id: id!, kind: kind!, text: requirement! }
    })
}

/** The rows a test's title names: `S004-28`, and ranges `S004-28…32`, `S004-28..S004-32`, `S004-28…-32`. */
export function idsIn(title: string): string[] {
  const found = new Set<string>()
  for (const [, seed, first, last] of title.matchAll(/\b(S\d{3})-(\d+)(?:\s*(?:…|\.{2,3})\s*(?:\1-|-)?(\d+))?/g)) {
    for (let row = Number(first); row <= Number(last ?? first); row++) found.add(`${seed}-${row}`)
  }
  return [...found]
}
