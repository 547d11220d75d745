import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'

const FIRST_SILENCE_MS = 60_000
const LONGEST_SILENCE_MS = 60 * 60_000

/**
 * A trouble that comes back every second for as long as it lasts: it is told of when it begins, ever more rarely afterwards (after 1, 2, 4 … 60 minutes),
 * and once when it is over. One that comes and goes all the time is told of no more often.
 */
export class Trouble {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #overText: string
  #since: number | undefined
  #told = false
  #tellAt = Number.NEGATIVE_INFINITY
  #silenceMs = FIRST_SILENCE_MS

  constructor(clock: Clock, log: Logger, overText: string) {
    this.#clock = clock
    this.#log = log
    this.#overText = overText
  }

  met(text: string, about: object = {}): void {
    const now = this.#clock.monotonic()
    this.#since ??= now
    if (now < this.#tellAt) return void this.#log.debug(about, text)
    // It was quiet for as long again: a new one.
    if (now - this.#tellAt > this.#silenceMs) this.#silenceMs = FIRST_SILENCE_MS
    this.#told = true
    this.#tellAt = now + this.#silenceMs
    this.#silenceMs = Math.min(2 * this.#silenceMs, LONGEST_SILENCE_MS)
    this.#log.warn({ ...about, lastedMs: Math.round(now - this.#since) }, text)
  }

  over(): void {
    if (this.#since === undefined) return
    const lastedMs = Math.round(this.#clock.monotonic() - this.#since)
    this.#log[this.#told ? 'info' : 'debug']({ lastedMs }, this.#overText)
    this.#since = undefined
    this.#told = false
  }
}
