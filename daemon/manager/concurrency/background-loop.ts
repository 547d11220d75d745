import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { withDeadline } from './deadline.js'

export interface BackgroundLoopOptions {
  name: string
  log: Logger
  clock: Clock
  /** Pause after a step when nobody wakes the loop, ms. */
  intervalMs: () => number
  step(signal: AbortSignal): Promise<void>
}

/** How long `stop` waits for a step that does not heed its signal. */
const STOP_LIMIT_MS = 5_000

/** A step that is repeated for as long as the daemon runs: at an interval, and at once when woken. An error is logged, never the end of it. */
export class BackgroundLoop {
  readonly #options: BackgroundLoopOptions
  readonly #stopping = new AbortController()
  #woken = false
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined
  #lastError = ''

  constructor(options: BackgroundLoopOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Makes the next step begin as soon as the present one has ended. */
  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    this.#wake?.()
    const { name, log } = this.#options
    await withDeadline(name, STOP_LIMIT_MS, this.#running ?? Promise.resolve()).catch((error: unknown) =>
      log.warn({ err: error }, 'left behind at the stop'),
    )
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#woken = false
      try {
        await this.#options.step(signal)
        this.#lastError = ''
      } catch (error) {
        if (!signal.aborted) this.#report(error)
      }
      await this.#pause(signal)
    }
  }

  /** The same error again and again is worth a warning once. */
  #report(error: unknown): void {
    const { name, log } = this.#options
    const text = errorText(error)
    log[text === this.#lastError ? 'debug' : 'warn']({ err: error, loop: name }, `${name}: ${text}`)
    this.#lastError = text
  }

  async #pause(signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) return
    const over = new AbortController()
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    const slept = this.#options.clock.sleep(this.#options.intervalMs(), over.signal).catch(() => {})
    await Promise.race([woken, slept])
    this.#wake = undefined
    over.abort(new Error('woken'))
  }
}
