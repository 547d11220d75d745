/**
 * The values of a source, each made into another. Unlike a generator it ends its source at once when the reader stops, even while the source is silent:
 * the `return` of a generator waits for the value that is being waited for. A value that cannot be mapped ends the source, too.
 */
export function mapped<T, U>(values: AsyncIterable<T>, map: (value: T) => U): AsyncIterableIterator<U> {
  const source = values[Symbol.asyncIterator]()
  const done = { value: undefined, done: true } as const
  return {
    async next() {
      const next = await source.next()
      if (next.done) return done
      try {
        return { value: map(next.value), done: false }
      } catch (error) {
        await source.return?.()
        throw error
      }
    },
    async return() {
      await source.return?.()
      return done
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
