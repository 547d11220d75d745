/** So far behind is a reader that will not catch up: it is better off to begin anew. */
const MOST_WAITING = 10_000

/**
 * Values pushed by one side and iterated by the other, in order, without loss; `onReturn` runs once when the reader stops early. A reader that falls
 * too far behind gets an error instead of what waits for it.
 */
export class ValueQueue<T> implements AsyncIterableIterator<T> {
  readonly #values: T[] = []
  readonly #readers: { resolve(result: IteratorResult<T>): void; reject(error: Error): void }[] = []
  readonly #onReturn: () => void
  readonly #most: number
  #ended = false
  #error: Error | undefined

  constructor(onReturn: () => void = () => {}, most = MOST_WAITING) {
    this.#onReturn = onReturn
    this.#most = most
  }

  push(value: T): void {
    if (this.#ended) return
    const reader = this.#readers.shift()
    if (reader) reader.resolve({ value, done: false })
    else if (this.#values.length < this.#most) this.#values.push(value)
    else {
      this.#values.length = 0
      this.fail(new Error(`the reader is more than ${this.#most} values behind`))
      this.#onReturn()
    }
  }

  /** No more values; what is queued can still be read. */
  end(): void {
    this.#ended = true
    for (const reader of this.#readers.splice(0)) reader.resolve({ value: undefined, done: true })
  }

  /** Like `end`, but the reader gets the error after the queued values. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    const waiting = this.#readers.splice(0)
    if (waiting.length === 0) this.#error = error
    for (const reader of waiting) reader.reject(error)
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#values.length > 0) return Promise.resolve({ value: this.#values.shift()!, done: false })
    if (this.#error) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<T>> {
    if (!this.#ended) {
      this.end()
      this.#onReturn()
    }
    this.#values.length = 0
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
