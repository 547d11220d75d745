/** One series of a metric. */
export interface Series {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  /** As it stands in `/metrics`. */
  readonly text: string
}

interface Change {
  readonly atS: number
  readonly value: number
}

/**
 * What was scraped from `/metrics` over hours. As a file: a line a scrape at which something had changed, `SECONDS SERIES=VALUE …` with series by their number, and
 * before them `#NUMBER SERIES`. What does not stand in a line is as before.
 */
export class History {
  readonly scrapes: number[] = []
  readonly #changes = new Map<string, Change[]>()
  readonly #series = new Map<string, Series>()

  get series(): readonly Series[] {
    return [...this.#series.values()]
  }

  /** Takes the values of one scrape. */
  add(atS: number, values: ReadonlyMap<string, number>): void {
    this.scrapes.push(atS)
    for (const [text, value] of values) {
      if (!this.#series.has(text)) this.#series.set(text, seriesOf(text))
      const changes = this.#changes.get(text) ?? []
      this.#changes.set(text, changes)
      if (changes.at(-1)?.value !== value) changes.push({ atS, value })
    }
  }

  at({ text }: Series, atS: number): number | undefined {
    return this.#changes.get(text)!.findLast(change => change.atS <= atS)?.value
  }

  /** Values at the scrapes of a time, both ends included. */
  between(series: Series, fromS: number, toS: number): number[] {
    return this.scrapes
      .filter(atS => atS >= fromS && atS <= toS)
      .flatMap(atS => {
        const value = this.at(series, atS)
        return value === undefined ? [] : [value]
      })
  }

  /** `everyS`: between two scrapes. */
  text(everyS: number): string {
    const names = [...this.#series.keys()]
    const lines = names.map((name, number) => `#${number} ${name}`)
    lines.push(`every ${everyS} from ${this.scrapes[0]} to ${this.scrapes.at(-1)}`)
    const at = new Map<number, string[]>()
    for (const [number, name] of names.entries())
      for (const { atS, value } of this.#changes.get(name)!) at.set(atS, [...(at.get(atS) ?? []), `${number}=${value}`])
    for (const [atS, changes] of [...at].sort(([a], [b]) => a - b)) lines.push(`${atS} ${changes.join(' ')}`)
    return `${lines.join('\n')}\n`
  }

  static read(text: string): History {
    const history = new History()
    const names: string[] = []
    const changes = new Map<number, Map<string, number>>()
    let scrapes: number[] = []
    for (const line of text.split('\n')) {
      const [first = '', ...rest] = line.split(' ')
      if (first.startsWith('#')) names.push(rest.join(' '))
      else if (first === 'every') {
        const [every, from, to] = line.match(/\d+/g)!.map(Number) as [number, number, number]
        scrapes = Array.from({ length: (to - from) / every + 1 }, (_, index) => from + index * every)
      } else if (first !== '')
        changes.set(
          Number(first),
          new Map(rest.map(change => [names[Number(change.split('=')[0])]!, Number(change.split('=')[1])])),
        )
    }
    for (const atS of scrapes) history.add(atS, changes.get(atS) ?? new Map())
    return history
  }
}

/** `name{label="value",…}` */
function seriesOf(text: string): Series {
  const [metric = '', labels = ''] = text.split(/[{}]/)
  return {
    metric,
    text,
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v])),
  }
}

/** The values in a text of `/metrics`, of some metrics. */
export function valuesIn(text: string, metrics: ReadonlySet<string>): Map<string, number> {
  const lines = text.split('\n').filter(line => metrics.has(line.split(/[{ ]/, 1)[0]!))
  return new Map(
    lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}
