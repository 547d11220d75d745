/** One series of a metric. */
export interface Series {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  /** As it stands in `/metrics`. */
  readonly text: string
}

/**
 * What was scraped from `/metrics` over hours. As a file: a line a scrape at which something had changed, `SECONDS SERIES=VALUE …` with series by their number, and
 * before them `#NUMBER SERIES`. What does not stand in a line is as before.
 */
export class History {
  readonly scrapes: number[] = []
  /** By series, a value for each scrape; undefined before its first. */
  readonly #values = new Map<string, (number | undefined)[]>()
  readonly #series = new Map<string, Series>()

  get series(): readonly Series[] {
    return [...this.#series.values()]
  }

  /** Takes the values of one scrape; what is not told is as before. */
  add(atS: number, values: ReadonlyMap<string, number>): void {
    for (const text of values.keys())
      if (!this.#series.has(text)) {
        this.#series.set(text, seriesOf(text))
        this.#values.set(
          text,
          this.scrapes.map(() => undefined),
        )
      }
    this.scrapes.push(atS)
    for (const [text, own] of this.#values) own.push(values.get(text) ?? own.at(-1))
  }

  at({ text }: Series, atS: number): number | undefined {
    return this.#values.get(text)![this.#first(atS)]
  }

  /** Values at the scrapes of a time, both ends included. */
  between({ text }: Series, fromS: number, toS: number): number[] {
    const own = this.#values.get(text)!.slice(this.#first(fromS), this.#first(toS + 1))
    return own.filter(value => value !== undefined)
  }

  /** `everyS`: between two scrapes. */
  text(everyS: number): string {
    const names = [...this.#series.keys()]
    const lines = names.map((name, number) => `#${number} ${name}`)
    lines.push(`every ${everyS} from ${this.scrapes[0]} to ${this.scrapes.at(-1)}`)
    for (const [index, atS] of this.scrapes.entries()) {
      const changes = names.flatMap((name, number) => {
        const own = this.#values.get(name)!
        return own[index] === undefined || own[index] === own[index - 1] ? [] : [`${number}=${own[index]}`]
      })
      if (changes.length > 0) lines.push(`${atS} ${changes.join(' ')}`)
    }
    return `${lines.join('\n')}\n`
  }

  /** Number of the first scrape at or after a moment. */
  #first(atS: number): number {
    let [low, high] = [0, this.scrapes.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.scrapes[middle]! < atS) low = middle + 1
      else high = middle
    }
    return low
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
