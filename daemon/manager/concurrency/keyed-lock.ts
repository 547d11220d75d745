import { withDeadline } from './deadline.js'

const WAIT_LIMIT_MS = 60_000

/** Work on one key runs one after another, in the order it was asked for; different keys do not wait for each other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  /** Rejects with a DeadlineError, without having run the work, when the lock is not free within `waitMs`. */
  async run<T>(key: string, work: () => Promise<T>, waitMs = WAIT_LIMIT_MS): Promise<T> {
    const before = this.#tails.get(key)
    let release = (): void => {}
    const mine = new Promise<void>(resolve => {
      release = resolve
    })
    const tail = (before ?? Promise.resolve()).then(() => mine)
    this.#tails.set(key, tail)
    try {
      if (before !== undefined) await withDeadline(`waiting for others working on ${key}`, waitMs, before)
      return await work()
    } finally {
      release()
      // One that gave up waiting comes here while those before it still work: the key is free only when the whole chain is done.
      void tail.then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key)
      })
    }
  }
}
