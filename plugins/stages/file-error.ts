import { SealError } from '../../rpc-schema/seal-error.js'

/** Troubles of a disk, a mount or this process that may be over in a minute. Everything else needs a person. */
const PASSING = new Set([
  'EAGAIN',
  'EBUSY',
  'ECONNRESET',
  'EDQUOT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EINTR',
  'EIO',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOSPC',
  'ENOTCONN',
  'ESTALE',
  'ETIMEDOUT',
])

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** `<action> <path>` with the system's error as its cause, classed by its code. */
export function fileError(action: string, path: string, error: unknown): SealError {
  if (error instanceof SealError) return error
  const code = errorCode(error)
  return new SealError(code !== undefined && PASSING.has(code) ? 'temporary' : 'permanent', `${action} ${path}`, {
    cause: error,
  })
}

/** Runs a file operation; its error becomes a `fileError`. */
export async function onFile<T>(action: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    throw fileError(action, path, error)
  }
}
