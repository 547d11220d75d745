const LOOK_EVERY_MS = 50

/** Looks until there is something to see; fails with what was awaited, and the last error, when it takes too long. For what other processes do. */
export async function eventually<T>(
  what: string,
  limitMs: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + limitMs
  let last: unknown
  while (performance.now() < end) {
    try {
      const seen = await look()
      if (seen !== undefined) return seen
      last = undefined
    } catch (error) {
      last = error
    }
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
  }
  throw new Error(
    `${what}: not seen within ${limitMs} ms${last === undefined ? '' : `; last error: ${(last as Error).message}`}`,
    { cause: last },
  )
}
