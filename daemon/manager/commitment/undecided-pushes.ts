import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { Clock } from '../../kit/clock.js'

/** A message of which it is not known whether the node has it. */
interface Undecided {
  /** When that began, monotonic ms. */
  readonly since: number
  /** Height at which it was first looked for in vain. */
  firstLook?: number
  /** Up to this height the blocks of the present chain do not have it. */
  notUpTo?: number
  /** Of its intent, when it was looked for first. */
  version?: number
  readonly patienceMs: number
}

/** A push without an answer is given up after so many heads, and so much time, in which the node did not show it. */
const SETTLE = {
  heads: 3,
  /** Its own push has ended. */
  ownMs: 2_000,
  /** Another manager may be about to send it, and a call of its may be on its way. */
  foreignMs: 60_000,
} as const

/** Pushes without an answer, and how long they have been looked for in vain. */
export class UndecidedPushes {
  readonly #clock: Clock
  readonly #waiting = new Map<number, Undecided>()
  #reorgs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `foreign`: of a push that may be another manager's, which lives. */
  add(id: number, foreign = false): void {
    const patienceMs = foreign ? SETTLE.foreignMs : SETTLE.ownMs
    this.#waiting.set(id, { since: this.#clock.monotonic(), patienceMs })
  }

  /** Begins to wait anew when something was said about the intent since the first look. */
  noteVersion(id: number, version: number): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined || waiting.version === version) return
    this.#waiting.set(id, { since: this.#clock.monotonic(), patienceMs: waiting.patienceMs, version })
  }

  remove(id: number): void {
    this.#waiting.delete(id)
  }

  has(id: number): boolean {
    return this.#waiting.has(id)
  }

  ids(): number[] {
    return [...this.#waiting.keys()]
  }

  /** Up to this height the message is not in the blocks. */
  notUpTo(id: number): number {
    return this.#waiting.get(id)?.notUpTo ?? 0
  }

  /** Blocks from this height on are others now. */
  noteUndone(height: number): void {
    this.#reorgs += 1
    for (const waiting of this.#waiting.values()) {
      if (waiting.notUpTo !== undefined) waiting.notUpTo = Math.min(waiting.notUpTo, height - 1)
    }
  }

  /** Runs a search for a message; answers `given up` once it was in vain for long enough. A search that a reorg fell into proves nothing. */
  async search<T>(id: number, head: TipSet, search: () => Promise<T | undefined>): Promise<T | 'given up' | undefined> {
    const reorgs = this.#reorgs
    const found = await search()
    const waiting = this.#waiting.get(id)
    if (found !== undefined || waiting === undefined || reorgs !== this.#reorgs) return found
    waiting.firstLook ??= head.Height
    waiting.notUpTo = head.Height
    const isLong =
      head.Height >= waiting.firstLook + SETTLE.heads && this.#clock.monotonic() >= waiting.since + waiting.patienceMs
    return isLong ? 'given up' : undefined
  }
}
