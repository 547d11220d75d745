/**
 * What an error means for the sector it struck (DESIGN rule 3).
 *
 * | class     | reaction of a sealing thread                              |
 * |-----------|-----------------------------------------------------------|
 * | temporary | try the same step again after a pause, a bounded number of times |
 * | permanent | pause; a person decides                                    |
 * | critical  | pause; something local (disk, journal, locks) is broken    |
 * | abort     | give the sector up and tell the manager why                |
 */
export const SEAL_ERROR_CLASSES = ['temporary', 'permanent', 'critical', 'abort'] as const
export type SealErrorClass = (typeof SEAL_ERROR_CLASSES)[number]

export class SealError extends Error {
  readonly class: SealErrorClass

  constructor(errorClass: SealErrorClass, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'SealError'
    this.class = errorClass
  }
}

/** The messages of an error and of all its causes, outermost first: what an operator should read. */
export function errorChain(error: unknown): string[] {
  const chain: string[] = []
  const seen = new Set<unknown>()
  for (
    let at = error;
    at !== undefined && at !== null && !seen.has(at);
    at = at instanceof Error ? at.cause : undefined
  ) {
    seen.add(at)
    chain.push(at instanceof Error ? at.message : String(at))
  }
  return chain
}

/** One line of the chain, `outer: inner: innermost`; a cause that the message before it tells already is left out. */
export function errorText(error: unknown): string {
  const chain = errorChain(error)
  return chain.filter((message, index) => index === 0 || !chain[index - 1]!.includes(message)).join(': ')
}
