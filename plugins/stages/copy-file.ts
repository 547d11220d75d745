import { constants } from 'node:fs'
import { copyFile as copyFileWith, type FileHandle, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { SealError } from '../../rpc-schema/seal-error.js'
import { errorCode, fileError, onFile } from './file-error.js'

const CHUNK_BYTES = 4 << 20

/** Errors by which a file system says that it cannot share blocks between these two files. */
const NO_REFLINK = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY', 'EPERM', 'ETXTBSY'])

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined
  onBytes?(bytes: number): void
  /** Copy no more than so many bytes. */
  readonly limit?: number | undefined
}

/** Where a file is written before it gets its name: the same name each time, so that a later attempt replaces what an earlier left. */
export const partPath = (dest: string): string => path.join(path.dirname(dest), `.${path.basename(dest)}.part`)

/**
 * Copies a regular file (following a link to one) so that `dest` is at every moment either what it was or the whole copy, on disk:
 * written beside it, synced, its size checked, then renamed over it. Shares blocks where the file system can. Nothing is left behind
 * when it fails.
 */
export async function copyFile(src: string, dest: string, options: CopyOptions = {}): Promise<void> {
  const part = partPath(dest)
  await onFile('remove', part, () => rm(part, { force: true, recursive: true }))
  try {
    const bytes = (await reflink(src, part, options)) ?? (await copyBytes(src, part, options))
    await checkSize(src, part, bytes)
    await onFile('rename to', dest, () => rename(part, dest))
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    throw error
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
    options.onBytes?.(size)
    return size
  })
}

/** Writes the bytes of `src` into `part`, anew, and syncs it. Resolves with their number; leaves the file behind when it fails. */
export async function copyBytes(src: string, part: string, { signal, onBytes, limit }: CopyOptions): Promise<number> {
  await using from = await onFile('open', src, () => open(src, 'r'))
  const { mode } = await onFile('stat', src, () => from.stat())
  await using to = await onFile('create', part, () => open(part, 'w', (mode & 0o777) | 0o200))
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let copied = 0
  for (;;) {
    signal?.throwIfAborted()
    const wanted = Math.min(buffer.length, (limit ?? Number.POSITIVE_INFINITY) - copied)
    const { bytesRead } = await onFile('read', src, () => from.read(buffer, 0, wanted, copied))
    if (bytesRead === 0) break
    await onFile('write', part, () => writeAll(to, buffer.subarray(0, bytesRead), copied))
    copied += bytesRead
    onBytes?.(bytesRead)
  }
  await onFile('sync', part, () => to.sync())
  return copied
}

/** A write may take less than it was given. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten
  }
}

async function checkSize(src: string, part: string, copied: number): Promise<void> {
  const sizeOf = (file: string): Promise<number> =>
    onFile('stat', file, async () => {
      await using handle = await open(file, 'r')
      return (await handle.stat()).size
    })
  const [wanted, found] = [await sizeOf(src), await sizeOf(part)]
  if (found !== wanted || copied !== wanted) {
    throw new SealError(
      'temporary',
      `the copy of ${src} has ${found} bytes, the file itself ${wanted}: it changed meanwhile`,
    )
  }
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
