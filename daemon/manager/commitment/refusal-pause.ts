import type { Clock } from '../../kit/clock.js'
import type { Alarms } from '../alarms/alarms.js'

/** After the node has refused a message the next one is not tried before this; each refusal in a row doubles it, ms. */
const PAUSE_MS = { first: 5_000, most: 60_000 } as const

/** Why messages are held back; each is an alarm. */
type Reason = 'funds' | 'refused'

/** Keeps the messages of one queue back for a while after a refusal. Until one of them goes, or none waits any more, there is an alarm. */
export class RefusalPause {
  readonly #clock: Clock
  readonly #alarms: Alarms
  readonly #subject: string
  #notBefore = Number.NEGATIVE_INFINITY
  #nextMs: number = PAUSE_MS.first

  /** `subject`: of the alarm, as `pre-commit of miner 1000`. */
  constructor(clock: Clock, alarms: Alarms, subject: string) {
    this.#clock = clock
    this.#alarms = alarms
    this.#subject = subject
  }

  /** What is left of the pause, ms; 0 when there is none. */
  get leftMs(): number {
    return Math.max(0, this.#notBefore - this.#clock.monotonic())
  }

  refused(reason: Reason, why: string): void {
    this.#notBefore = this.#clock.monotonic() + this.#nextMs
    this.#nextMs = Math.min(2 * this.#nextMs, PAUSE_MS.most)
    this.#alarms.raise(reason, this.#subject, why)
  }

  /** A message went, or nothing is left that could. */
  over(): void {
    this.#nextMs = PAUSE_MS.first
    for (const reason of ['funds', 'refused'] as const) this.#alarms.clear(reason, this.#subject)
  }
}
