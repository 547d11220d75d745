import { constants } from 'node:fs'
import { copyFile as copyFileWith, type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { SealError } from '../../rpc-schema/seal-error.js'
import { CHUNK_BYTES, digest, readFully, writeFully } from './file-chunks.js'
import { errorCode, fileError, onFile } from './file-error.js'
import { explainDiskFull, isDiskFull, requireSpace } from './free-space.js'
import { forgetCopy, isCopyOf, partPath, provenBytes, recordCopy, removePartial } from './partial-copy.js'

/** Errors by which a file system says that it cannot share blocks between these two files. */
const NO_REFLINK = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY', 'EPERM', 'ETXTBSY'])

/**
 * What is checked of a copy before it gets its name:
 *
 * | | |
 * |---|---|
 * | `off` | nothing but the errors of the system |
 * | `size` | the length |
 * | `hash` | every byte is read back and its SHA-256, by chunks, compared with that of what was read from the source |
 */
export const COPY_CHECKS = ['off', 'size', 'hash'] as const
export type CopyCheck = (typeof COPY_CHECKS)[number]

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined
  readonly check?: CopyCheck | undefined
  /** Called with the bytes of each chunk when it is copied, and again when it is read back. */
  onBytes?(bytes: number, step: 'copy' | 'verify'): void
}

/**
 * Copies a regular file (following a link to one) so that `dest` is at every moment either what it was or the whole copy, on disk:
 * written beside it, synced, checked, then renamed over it. Shares blocks where the file system can.
 *
 * A copy that was interrupted, by a kill, the signal or a trouble that passes, stays beside the destination and is continued by the next
 * attempt, from the last byte that is proven to be the source's. Whatever else fails leaves nothing behind.
 */
export async function copyFile(src: string, dest: string, options: CopyOptions = {}): Promise<void> {
  const part = partPath(dest)
  try {
    await using from = await onFile('open', src, () => open(src, 'r'))
    const bytes = await copyTo(part, src, dest, from, options)
    if ((options.check ?? 'hash') !== 'off') await checkSize(src, from, part, bytes)
    await onFile('rename to', dest, () => rename(part, dest))
    await forgetCopy(part)
  } catch (error) {
    if (isDiskFull(error)) {
      await removePartial(part).catch(() => {})
      const { size } = await stat(src).catch(() => ({ size: Number.NaN }))
      throw await explainDiskFull(error, path.dirname(dest), `the copy of ${src}`, size)
    }
    if (!mayContinue(error, options.signal)) await removePartial(part).catch(() => {})
    throw error
  }
}

/** Whether a later attempt can make use of what was copied. */
export const mayContinue = (error: unknown, signal: AbortSignal | undefined): boolean =>
  signal?.aborted === true || (error instanceof SealError && error.class === 'temporary')

async function copyTo(
  part: string,
  src: string,
  dest: string,
  from: FileHandle,
  options: CopyOptions,
): Promise<number> {
  const continued = await isCopyOf(src, from, part)
  if (!continued) {
    await removePartial(part)
    const reflinked = await reflink(src, part, options)
    if (reflinked !== undefined) return reflinked
    await recordCopy(src, from, part)
  }
  const { mode, size } = await onFile('stat', src, () => from.stat())
  await using to = await onFile('open', part, () =>
    open(part, constants.O_RDWR | constants.O_CREAT, (mode & 0o777) | 0o600),
  )
  const check = options.check ?? 'hash'
  const tell = (bytes: number): void => {
    options.onBytes?.(bytes, 'copy')
    if (check === 'hash') options.onBytes?.(bytes, 'verify')
  }
  const proven = continued ? await provenBytes(src, from, to, part, { signal: options.signal, onChunk: tell }) : 0
  options.signal?.throwIfAborted()
  await onFile('truncate', part, () => to.truncate(proven))
  await requireSpace(path.dirname(dest), `the copy of ${src}`, size - proven)
  const digests: Promise<Buffer>[] = []
  const bytes = await copyChunks(
    { src, part, from, to, start: proven, digests: check === 'hash' ? digests : undefined },
    options,
  )
  await onFile('change the mode of', part, () => to.chmod(mode & 0o777))
  await onFile('sync', part, () => to.sync())
  if (check === 'hash') await readBack({ src, part, to, start: proven, digests }, options)
  return bytes
}

interface Chunks {
  readonly src: string
  readonly part: string
  readonly from: FileHandle
  readonly to: FileHandle
  /** Where to begin. */
  readonly start: number
  /** Takes the digest of each chunk, when wanted. */
  readonly digests: Promise<Buffer>[] | undefined
}

/** Resolves with the length of the copy. One chunk is written and hashed while the next is read. */
async function copyChunks({ src, part, from, to, start, digests }: Chunks, options: CopyOptions): Promise<number> {
  const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)]
  let position = start
  let writing: Promise<void> = Promise.resolve()
  try {
    for (let turn = 0; ; turn += 1) {
      options.signal?.throwIfAborted()
      const chunk = await onFile('read', src, () => readFully(from, buffers[turn % 2]!, position))
      await writing
      if (chunk.length === 0) return position
      const at = position
      const hashed = digests && digest(chunk)
      if (hashed !== undefined) digests!.push(hashed)
      writing = Promise.all([onFile('write', part, () => writeFully(to, chunk, at)), hashed]).then(() =>
        options.onBytes?.(chunk.length, 'copy'),
      )
      writing.catch(() => {})
      position += chunk.length
    }
  } finally {
    // The file is closed next.
    await writing.catch(() => {})
  }
}

async function readBack(
  { src, part, to, start, digests }: Omit<Chunks, 'from' | 'digests'> & { digests: readonly Promise<Buffer>[] },
  options: CopyOptions,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  for (const [index, wanted] of digests.entries()) {
    options.signal?.throwIfAborted()
    const at = start + index * CHUNK_BYTES
    const chunk = await onFile('read back', part, () => readFully(to, buffer, at))
    if (!(await digest(chunk)).equals(await wanted)) {
      // Nothing of such a copy is trusted.
      await removePartial(part).catch(() => {})
      throw new SealError(
        'temporary',
        `the copy of ${src} reads back otherwise than it was written, between bytes ${at} and ${at + chunk.length}: ${part}`,
      )
    }
    options.onBytes?.(chunk.length, 'verify')
  }
}

/** undefined: not possible between these two places. */
async function reflink(src: string, part: string, options: CopyOptions): Promise<number | undefined> {
  try {
    await copyFileWith(src, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    if (NO_REFLINK.has(errorCode(error) ?? '')) return undefined
    throw fileError(`copy ${src} to`, part, error)
  }
  return await onFile('sync', part, async () => {
    await using file = await open(part, 'r')
    await file.sync()
    const { size } = await file.stat()
    options.onBytes?.(size, 'copy')
    options.onBytes?.(size, 'verify')
    return size
  })
}

async function checkSize(src: string, from: FileHandle, part: string, copied: number): Promise<void> {
  const { size: wanted } = await onFile('stat', src, () => from.stat())
  const { size: found } = await onFile('stat', part, () => stat(part))
  if (found === wanted && copied === wanted) return
  await removePartial(part).catch(() => {})
  throw new SealError(
    'temporary',
    `the copy of ${src} has ${found} bytes, the file itself ${wanted}: it changed meanwhile`,
  )
}

/** Makes renames and removals in a directory durable. Some network file systems do not offer it. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    await using handle = await open(directory, 'r')
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF', 'EISDIR', 'EACCES'].includes(errorCode(error) ?? '')) {
      throw fileError('sync', directory, error)
    }
  }
}
