import type { Clock } from '../clock.js'
import type { Claim } from './job-queue.js'

/** A claim with the moment that its owner has last renewed it to. */
export interface Lease extends Claim {
  readonly leaseUntil: number
}

/**
 * Tells by its own steady clock which leases are over: those that nobody has renewed for their whole length. The moments in the rows only tell one
 * renewal from another, so neither a clock that is set nor that of another machine makes a lease shorter, and whoever starts to watch gives everybody a
 * whole one. Time in which nobody could look, with the database away or the process stopped, does not count: nobody could renew anything then.
 */
export class LeaseWatch {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #seen = new Map<string, { readonly fence: number; readonly leaseUntil: number; readonly since: number }>()

  #lookedAt: number | undefined

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** A lease as it stands now, for those that are read between two looks at all. */
  note({ id, fence, leaseUntil }: Lease): void {
    const known = this.#seen.get(id)
    if (known?.fence === fence && known.leaseUntil === leaseUntil) return
    this.#seen.set(id, { fence, leaseUntil, since: this.#clock.monotonic() })
  }

  /** The owner of a claim was heard of, whether or not that can be written down just now. */
  heard({ id, fence }: Claim): void {
    const known = this.#seen.get(id)
    if (known?.fence === fence) this.#seen.set(id, { ...known, since: this.#clock.monotonic() })
  }

  /** Of all leases there are, those that are over. */
  over<L extends Lease>(all: readonly L[], leaseMs: number): L[] {
    const ids = new Set(all.map(({ id }) => id))
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id)
    const now = this.#clock.monotonic()
    const blind = now - (this.#lookedAt ?? now)
    this.#lookedAt = now
    if (blind > leaseMs / 2)
      for (const [id, seen] of this.#seen) this.#seen.set(id, { ...seen, since: Math.min(now, seen.since + blind) })
    for (const lease of all) this.note(lease)
    return all.filter(({ id }) => now - this.#seen.get(id)!.since >= leaseMs)
  }
}
