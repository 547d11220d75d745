import type { Clock } from '../../kit/clock.js'
import { Admission } from '../../kit/processors/admission.js'
import { once, Slots, takeAll } from '../../kit/processors/slots.js'
import type { LimitName, ProcessorsConfig, Release } from './processors.js'

/** Starts that keep a distance: the next one comes `gapMs` after the last one at the earliest. */
class StaggeredStarts {
  readonly #gapMs: number
  readonly #clock: Clock
  /** Held by the one whose start is next, while it waits for its time. */
  readonly #door = new Slots(1)
  #nextStartAt = Number.NEGATIVE_INFINITY

  constructor(gapMs: number, clock: Clock) {
    this.#gapMs = gapMs
    this.#clock = clock
  }

  async start(admission: Admission, signal: AbortSignal | undefined): Promise<void> {
    await admission.acquire(() => (takeAll([this.#door]) ? this.#door : undefined), { signal })
    try {
      const waitMs = this.#nextStartAt - this.#clock.monotonic()
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal)
      this.#nextStartAt = this.#clock.monotonic() + this.#gapMs
    } finally {
      this.#door.giveBack()
      admission.retry()
    }
  }
}

/** `limitation.concurrent` and `limitation.staggered`: how many tasks of a stage run in this worker, and how far apart they start. */
export class StageLimits {
  readonly #admission = new Admission()
  readonly #concurrent = new Map<LimitName, Slots>()
  readonly #staggered = new Map<LimitName, StaggeredStarts>()

  constructor(limitation: ProcessorsConfig['limitation'], clock: Clock) {
    for (const [name, limit] of Object.entries(limitation.concurrent)) {
      if (limit !== undefined) this.#concurrent.set(name as LimitName, new Slots(limit))
    }
    for (const [name, gapMs] of Object.entries(limitation.staggered)) {
      if (gapMs) this.#staggered.set(name as LimitName, new StaggeredStarts(gapMs, clock))
    }
  }

  /** First the place among the concurrent ones, then the turn to start. */
  async acquire(stage: LimitName, signal?: AbortSignal): Promise<Release> {
    const slots = this.#concurrent.get(stage)
    const release = slots ? await this.#take(slots, signal) : () => {}
    try {
      await this.#staggered.get(stage)?.start(this.#admission, signal)
    } catch (error) {
      release()
      throw error
    }
    return release
  }

  async #take(slots: Slots, signal: AbortSignal | undefined): Promise<Release> {
    await this.#admission.acquire(() => (takeAll([slots]) ? slots : undefined), { signal })
    return once(() => {
      slots.giveBack()
      this.#admission.retry()
    })
  }
}
