import { errorChain, SealError, type SealErrorClass } from '../../rpc-schema/seal-error.js'

/**
 * The text of `err_msg`: the error, then its causes, in the layout that operators know from processors built on the common Rust
 * crate (one cause stands alone, several are numbered).
 */
export function errorMessage(error: unknown): string {
  const [outermost = 'unknown error', ...causes] = errorChain(error)
  if (causes.length === 0) return outermost
  const lines = causes.length === 1 ? [`    ${causes[0]}`] : causes.map((cause, index) => `    ${index}: ${cause}`)
  return `${outermost}\n\nCaused by:\n${lines.join('\n')}`
}

/** The class of the first error in the chain that has one. */
export function errorClass(error: unknown): SealErrorClass | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 20; at = at.cause, depth += 1) {
    if (at instanceof SealError) return at.class
  }
  return undefined
}
