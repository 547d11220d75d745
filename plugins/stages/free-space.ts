import { statfs } from 'node:fs/promises'
import { SealError } from '../../rpc-schema/seal-error.js'
import { errorCode, onFile } from './file-error.js'

/** Bytes that a file in this directory may still take; undefined where the file system does not say. */
async function freeBytes(directory: string): Promise<number | undefined> {
  const { bavail, blocks, bsize } = await onFile('look for free space in', directory, () => statfs(directory))
  return blocks === 0 ? undefined : bavail * bsize
}

/**
 * Too little room is `temporary`: a task that is tried again fails at once and without writing anything for as long as nothing changes,
 * often space returns (another sector leaves the disk), and when the retries are used up a person is asked anyway.
 */
export class NoSpaceError extends SealError {
  constructor(directory: string, what: string, needed: number, free: number | undefined, cause?: unknown) {
    const message = `no space for ${what} in ${directory}: ${needed} bytes are needed, ${free ?? 'an unknown number'} are free`
    super('temporary', message, cause === undefined ? undefined : { cause })
  }
}

/** Throws when `needed` bytes do not fit there now. */
export async function requireSpace(directory: string, what: string, needed: number): Promise<void> {
  const free = await freeBytes(directory)
  if (free !== undefined && free < needed) throw new NoSpaceError(directory, what, needed, free)
}

/** Whether the error, or what caused it, says that a disk or a quota is used up. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof NoSpaceError || ['ENOSPC', 'EDQUOT', 'DISK_FULL'].includes(errorCode(at) ?? '')) return true
  }
  return false
}

/** The error to give instead of one that {@link isDiskFull}: with the numbers that an operator wants. */
export async function explainDiskFull(
  error: unknown,
  directory: string,
  what: string,
  needed: number,
): Promise<NoSpaceError> {
  if (error instanceof NoSpaceError) return error
  return new NoSpaceError(directory, what, needed, await freeBytes(directory).catch(() => undefined), error)
}
