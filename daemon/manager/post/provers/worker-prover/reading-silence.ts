import type { Clock } from '../../../../kit/clock.js'

/** What workers read at a moment. */
export interface Reading {
  /** Of workers, by job. */
  readonly attempts: readonly string[]
  /** The sectors of theirs that they have not handed in. */
  readonly unread: readonly number[]
}

/**
 * Tells when readers have handed in nothing for too long: their store hangs, and what waits behind is not to wait for it. Jobs that nobody is at tell
 * nothing of a store.
 */
export class ReadingSilence {
  readonly #limitMs: number
  readonly #clock: Pick<Clock, 'monotonic'>
  #last = ''
  #since: number

  constructor(limitMs: number, clock: Pick<Clock, 'monotonic'>) {
    this.#limitMs = limitMs
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  isTooLong({ attempts, unread }: Reading): boolean {
    const now = this.#clock.monotonic()
    const seen = `${attempts.join()} ${unread.length}`
    if (seen !== this.#last || unread.length === 0) this.#since = now
    this.#last = seen
    return now - this.#since > this.#limitMs
  }
}
