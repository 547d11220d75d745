/** Thrown when something took longer than it may. */
export class DeadlineError extends Error {
  constructor(what: string, limitMs: number) {
    super(`${what}: not done within ${limitMs} ms`)
    this.name = 'DeadlineError'
  }
}

/** The outcome of a promise, or a DeadlineError when it takes too long. The work behind it is not stopped by that. */
export async function withDeadline<T>(what: string, limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(what, limitMs)), limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
