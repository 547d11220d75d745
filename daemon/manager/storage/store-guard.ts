import { DeadlineError, withDeadline } from '../concurrency/deadline.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'

const TOUCH_LIMIT_MS = 10_000

/** A store that hangs is not asked again before its last answer: each question holds a thread of this process. */
export class HungStoreError extends Error {
  constructor(store: string) {
    super(`store ${store} does not answer: an earlier look at it still hangs`)
    this.name = 'HungStoreError'
  }
}

/** Looks at one store, each look with a deadline and never more than one hanging. */
export class StoreGuard {
  readonly #name: string
  readonly #oneAtATime = new KeyedLock()
  #hanging = false

  constructor(name: string) {
    this.#name = name
  }

  touch<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#hanging) return Promise.reject(new HungStoreError(this.#name))
    return this.#oneAtATime.run(this.#name, () => this.#touchNow(what, work), TOUCH_LIMIT_MS)
  }

  async #touchNow<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#hanging) throw new HungStoreError(this.#name)
    const running = work()
    try {
      return await withDeadline(`${what} in the store ${this.#name}`, TOUCH_LIMIT_MS, running)
    } catch (error) {
      if (error instanceof DeadlineError) {
        this.#hanging = true
        const over = (): void => {
          this.#hanging = false
        }
        running.then(over, over)
      }
      throw error
    }
  }
}
