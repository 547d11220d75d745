import type { Clock } from '../../kit/clock.js'
import type { Waiting } from './queue-repository.js'

const keyOf = ({ number, queuedAt, queuedEpoch }: Waiting): string => `${number}/${queuedAt}/${queuedEpoch}`

/**
 * How long each sector has been seen to wait, by a clock that nobody can set. After a restart it begins anew: what a sector waited before is told by the
 * epochs that the chain has made, and on a chain that stands still it waits once more.
 */
export class WaitingTimes {
  readonly #clock: Pick<Clock, 'monotonic'>
  #firstSeen = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** All that wait now; those that do not any more are forgotten. */
  look<W extends Waiting>(waiting: readonly W[]): (W & { readonly waitedMs: number })[] {
    const now = this.#clock.monotonic()
    const before = this.#firstSeen
    this.#firstSeen = new Map(waiting.map(one => [keyOf(one), before.get(keyOf(one)) ?? now]))
    return waiting.map(one => ({ ...one, waitedMs: now - this.#firstSeen.get(keyOf(one))! }))
  }
}
