import { setTimeout } from 'node:timers/promises'

/** Aborts a request on which nothing has happened for a while, or when the caller's signal aborts. */
export class IdleWatch {
  readonly #controller = new AbortController()
  readonly #stopped = new AbortController()
  readonly #idleMs: number
  readonly signal: AbortSignal
  /** Set when it was for the silence. */
  reason: Error | undefined
  #touchedAt = performance.now()

  constructor(idleMs: number, outer: AbortSignal | undefined) {
    this.#idleMs = idleMs
    this.signal = outer === undefined ? this.#controller.signal : AbortSignal.any([this.#controller.signal, outer])
    void this.#watch()
  }

  touch(): void {
    this.#touchedAt = performance.now()
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #watch(): Promise<void> {
    for (;;) {
      const leftMs = this.#touchedAt + this.#idleMs - performance.now()
      if (leftMs <= 0) break
      try {
        await setTimeout(leftMs, undefined, { signal: this.#stopped.signal })
      } catch {
        return
      }
    }
    this.reason = new Error(`no byte for ${this.#idleMs} ms`)
    this.#controller.abort(this.reason)
  }
}
