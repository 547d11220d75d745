import type { Slots } from './slots.js'
import { ORDINARY, type Urgency } from './urgency.js'

/** Takes all that is needed, but nothing of `reserved`, or gives undefined and has taken nothing. May throw to end the wait. */
export type Attempt<T> = (reserved: ReadonlySet<Slots>) => T | undefined

export interface Claim {
  readonly signal?: AbortSignal | undefined
  /** Default: ordinary. */
  readonly urgency?: Urgency
  /** What the one who waits could best be served with. It is reserved for him when too many went past him, or at once when his work is time-critical. */
  wants?(): readonly Slots[]
}

interface Waiting {
  /** Whether the wait is over: taken, or failed for good. */
  attempt(reserved: ReadonlySet<Slots>): boolean
  wants(): readonly Slots[]
  readonly urgency: Urgency
  /** How many that came later were served before. */
  overtaken: number
}

/** So many may be served before one who came earlier; then what he waits for is kept for him. */
const PATIENCE = 8

/**
 * The queue in front of everything that is limited: stage limits, children, ext locks. Whoever waits takes all that a task needs
 * in one step or nothing, so two tasks can never hold a part each and wait for the other's. The most urgent work is tried first, of
 * equal urgency what came first; one that cannot be served does not stop those behind it, who may need other things, until they have gone past it too often: one that needs
 * two locks would never find both free beside many that need one.
 */
export class Admission {
  #waiting: Waiting[] = []

  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Resolves with the first value that `attempt` gives. `attempt` is tried now and after every `retry()`; it must take what it
   * returns, and may throw to end the wait. Rejects with the signal's reason when that aborts first.
   */
  acquire<T extends object>(
    attempt: Attempt<T>,
    { signal, urgency = ORDINARY, wants = () => [] }: Claim = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const tryOnce = (reserved: ReadonlySet<Slots>): boolean => {
        try {
          const taken = attempt(reserved)
          if (taken === undefined) return false
          resolve(taken)
        } catch (error) {
          reject(error)
        }
        signal?.removeEventListener('abort', leave)
        return true
      }
      const waiting: Waiting = { attempt: tryOnce, wants, urgency, overtaken: 0 }
      const leave = (): void => {
        this.#waiting = this.#waiting.filter(other => other !== waiting)
        reject(signal!.reason)
        // What was reserved for this one is free for the others.
        this.retry()
      }
      if (tryOnce(reservedFrom(urgency, this.#waiting))) {
        for (const earlier of this.#waiting) earlier.overtaken += 1
        return
      }
      const behind = this.#waiting.findIndex(other => other.urgency.rank > urgency.rank)
      this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, waiting)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** To be called whenever something was given back, became ready or failed for good. */
  retry(): void {
    const still: Waiting[] = []
    for (const waiting of this.#waiting) {
      if (waiting.attempt(reservedFrom(waiting.urgency, still))) {
        for (const earlier of still) earlier.overtaken += 1
        continue
      }
      still.push(waiting)
    }
    this.#waiting = still
  }
}

/** What work of this urgency must leave to those who wait: it never steps back for what is less urgent. */
function reservedFrom({ rank }: Urgency, waiting: readonly Waiting[]): ReadonlySet<Slots> {
  const reserved = new Set<Slots>()
  for (const { urgency, overtaken, wants } of waiting) {
    if (urgency.rank > rank) continue
    const isKept = overtaken >= PATIENCE || (urgency.isTimeCritical && urgency.rank < rank)
    if (isKept) for (const slots of wants()) reserved.add(slots)
  }
  return reserved
}
