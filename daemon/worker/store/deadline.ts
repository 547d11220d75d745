/** Rejects when an operation that cannot be cancelled (a touch of a mount) takes too long. The operation itself goes on unheard. */
export async function withDeadline<T>(operation: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms)
  })
  try {
    return await Promise.race([operation, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A store on a dead mount must not hang whoever looks at it. */
const TOUCH_DEADLINE_MS = 20_000

/** A {@link withDeadline} touch of a file or directory that may lie on a hung mount. */
export const touch = <T>(path: string, operation: Promise<T>, ms = TOUCH_DEADLINE_MS): Promise<T> =>
  withDeadline(operation, ms, `${path} does not answer within ${ms / 1_000} s (is it a hung mount?)`)
