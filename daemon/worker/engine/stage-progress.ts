import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { Clock } from '../../kit/clock.js'

interface Mark {
  readonly done: number
  readonly atMs: number
}

/** How far a running stage is, by what its processor tells, and when it will end at its present pace. */
export class StageProgress {
  readonly #clock: Clock
  /** What was told first: a stage that goes on from an earlier run does not begin at zero. */
  #first: Mark | undefined
  #last: Mark | undefined
  #step: string | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  told({ done, step }: Progress): void {
    if (step !== undefined) this.#step = step
    if (done === undefined) return
    this.#last = { done, atMs: this.#clock.monotonic() }
    // A new pass over the work counts from its own beginning.
    if (this.#first === undefined || done < this.#first.done) this.#first = this.#last
  }

  /** 0 to 1. */
  get done(): number | undefined {
    return this.#last?.done
  }

  get step(): string | undefined {
    return this.#step
  }

  /** Undefined until the pace is known. */
  get etaSeconds(): number | undefined {
    const [first, last] = [this.#first, this.#last]
    if (first === undefined || last === undefined || last.done <= first.done) return undefined
    const msPerPart = (last.atMs - first.atMs) / (last.done - first.done)
    const endsAt = last.atMs + msPerPart * (1 - last.done)
    return Math.max(0, Math.round((endsAt - this.#clock.monotonic()) / 1_000))
  }
}
