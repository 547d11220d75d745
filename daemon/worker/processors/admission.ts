interface Waiting {
  /** Whether the wait is over: taken, or failed for good. */
  attempt(): boolean
}

/**
 * The queue in front of everything that is limited: stage limits, children, ext locks. Whoever waits takes all that a task needs
 * in one step or nothing, so two tasks can never hold a part each and wait for the other's. First come, first tried; one that
 * cannot be served does not stop those behind it, who may need other things.
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
  acquire<T extends object>(attempt: () => T | undefined, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const tryOnce = (): boolean => {
        try {
          const taken = attempt()
          if (taken === undefined) return false
          resolve(taken)
        } catch (error) {
          reject(error)
        }
        signal?.removeEventListener('abort', leave)
        return true
      }
      const waiting: Waiting = { attempt: tryOnce }
      const leave = (): void => {
        this.#waiting = this.#waiting.filter(other => other !== waiting)
        reject(signal!.reason)
      }
      if (tryOnce()) return
      this.#waiting.push(waiting)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** To be called whenever something was given back, became ready or failed for good. */
  retry(): void {
    this.#waiting = this.#waiting.filter(waiting => !waiting.attempt())
  }
}
