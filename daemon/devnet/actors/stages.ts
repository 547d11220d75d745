import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'

/** Items of a batch that pass through several stages; each stage sees only those that came through the ones before. */
export class Stages<T> {
  readonly #items: readonly T[]
  readonly #codes: number[]

  constructor(items: readonly T[]) {
    this.#items = items
    this.#codes = items.map(() => EXIT_CODES.Ok)
  }

  get passed(): T[] {
    return this.#items.filter((_, at) => this.#codes[at] === EXIT_CODES.Ok)
  }

  /** Exit codes of the present stage, one for each item that had passed so far. */
  record(codes: readonly number[]): void {
    let next = 0
    for (const [at, code] of this.#codes.entries()) {
      if (code === EXIT_CODES.Ok) this.#codes[at] = codes[next++]!
    }
  }

  /** Exit code of every item. */
  get codes(): readonly number[] {
    return this.#codes
  }
}
