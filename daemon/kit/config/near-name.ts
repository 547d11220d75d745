/** How many letters have to be put in, taken away, changed or swapped with their neighbour to make one word of the other. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1)
    }
    before = last
    last = row
  }
  return last[b.length]!
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, '')

/** The known name that was probably meant: one or two letters away, by the length of the word; undefined when none is near. */
export function nearName(name: string, known: readonly string[]): string | undefined {
  const wanted = plain(name)
  const allowed = wanted.length < 4 ? 0 : wanted.length < 8 ? 1 : 2
  let best: { name: string; away: number } | undefined
  for (const candidate of known) {
    const away = distance(wanted, plain(candidate))
    if (away <= allowed && (best === undefined || away < best.away)) best = { name: candidate, away }
  }
  return best?.name
}

/** ` (did you mean max_deals?)`, or nothing. */
export function hint(name: string, known: readonly string[]): string {
  const near = nearName(name, known)
  return near === undefined ? '' : ` (did you mean ${near}?)`
}
