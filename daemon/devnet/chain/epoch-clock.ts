import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { Chain } from './chain.js'

/** How long to wait after an epoch that could not be made, ms. */
const AFTER_FAILURE_MS = 500

export interface EpochClockOptions {
  readonly chain: Chain
  readonly clock: Clock
  readonly log: Logger
  readonly epochMs: number
}

/** Makes epochs by itself, one every so many milliseconds. An epoch whose proofs take longer is late, none is left out. */
export class EpochClock {
  readonly #options: EpochClockOptions
  #running: { stop: AbortController; done: Promise<void> } | undefined

  constructor(options: EpochClockOptions) {
    this.#options = options
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  start(): void {
    if (this.#running) return
    const stop = new AbortController()
    this.#running = { stop, done: this.#run(stop.signal) }
  }

  /** Resolves when the epoch in the making is done. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.stop.abort(new Error('mining stops'))
    await running?.done
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { chain, clock, log, epochMs } = this.#options
    let next = clock.monotonic() + epochMs
    while (!signal.aborted) {
      await clock.sleep(Math.max(0, next - clock.monotonic()), signal).catch(() => undefined)
      if (signal.aborted) return
      try {
        await chain.produce()
        // What was missed is not made up for: the epochs after a long one keep their length.
        next = Math.max(next + epochMs, clock.monotonic())
      } catch (error) {
        log.error({ err: error }, 'no epoch was made')
        next = clock.monotonic() + AFTER_FAILURE_MS
      }
    }
  }
}
