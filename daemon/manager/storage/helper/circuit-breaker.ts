export interface BreakerOptions {
  /** Monotonic milliseconds. */
  now(): number
  firstPauseMs?: number
  longestPauseMs?: number
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

/**
 * Whether something that has hung is asked again: closed (ask), open (do not, until the pause is over), half open (one may, the others wait for what
 * becomes of it).
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions
  #pauseMs = 0
  #openUntil: number | undefined
  #probing = false

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get state(): 'closed' | 'open' | 'half-open' {
    if (this.#openUntil === undefined) return 'closed'
    return this.#options.now() < this.#openUntil || this.#probing ? 'open' : 'half-open'
  }

  /** Milliseconds until it is asked again. */
  get pauseMs(): number {
    return this.#openUntil === undefined ? 0 : Math.max(0, this.#openUntil - this.#options.now())
  }

  /** Takes the leave to ask; false when there is none. */
  enter(): boolean {
    const { state } = this
    if (state === 'half-open') this.#probing = true
    return state !== 'open'
  }

  succeeded(): void {
    this.#openUntil = undefined
    this.#pauseMs = 0
    this.#probing = false
  }

  /** Each failure after a pause doubles the next one; what fails together counts once. */
  failed(): void {
    if (this.state === 'open' && !this.#probing) return
    const { now, firstPauseMs = FIRST_PAUSE_MS, longestPauseMs = LONGEST_PAUSE_MS } = this.#options
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs === 0 ? firstPauseMs : this.#pauseMs * 2)
    this.#openUntil = now() + this.#pauseMs
    this.#probing = false
  }
}
