import { z } from 'zod'
import { readIfThere, writeDurably } from './durable-file.js'

/** How many of the last runs count. */
const KEPT = 5

const Times = z.record(z.string(), z.array(z.number().nonnegative()))
type Times = z.output<typeof Times>

export type TimedStage = 'pc1' | 'pc2'

/**
 * How long stages took in one sealing store, in a small file beside its data. It only helps to foresee: a file that cannot be read
 * counts as empty.
 */
export class StageTimes {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /** The longest of the last runs, ms; undefined when none was measured. A stage's next run may well be as slow as its slowest. */
  async expected(stage: TimedStage, sectorSize: number): Promise<number | undefined> {
    const times = (await this.#load())[key(stage, sectorSize)] ?? []
    return times.length === 0 ? undefined : Math.max(...times)
  }

  /** Throws when the file cannot be written. */
  async record(stage: TimedStage, sectorSize: number, ms: number): Promise<void> {
    const times = await this.#load()
    const name = key(stage, sectorSize)
    const next: Times = { ...times, [name]: [...(times[name] ?? []), Math.max(0, Math.round(ms))].slice(-KEPT) }
    await writeDurably(this.#file, `${JSON.stringify(next)}\n`)
  }

  async #load(): Promise<Times> {
    const text = await readIfThere(this.#file).catch(() => undefined)
    if (text === undefined) return {}
    try {
      return Times.parse(JSON.parse(text))
    } catch {
      return {}
    }
  }
}

const key = (stage: TimedStage, sectorSize: number): string => `${stage} ${sectorSize}`
