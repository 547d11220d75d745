import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, type Stats } from 'node:fs'
import { lstat, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { StoreDriver, StoreEntry } from './store-driver.js'

/** Linux's numbers of the file systems that operators use. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext2/ext3',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  26985: 'nfs',
  16914836: 'tmpfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
  1702057286: 'fuse',
  12805120: 'ceph',
  4283649346: 'cifs',
}

/** A store that is a directory, local or mounted. */
export function directoryDriver(name: string, root: string): StoreDriver {
  const inside = (path: string): string => {
    const clean = normalize(path)
    if (isAbsolute(clean) || clean === '.' || clean.split('/')[0] === '..')
      throw new Error(`${path} leads out of the store ${name}`)
    return join(root, clean)
  }
  return {
    root,
    async space() {
      const { type, bsize, blocks, bavail, bfree } = await statfs(root)
      return {
        type: FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`,
        totalBytes: blocks * bsize,
        freeBytes: bavail * bsize,
        usedBytes: (blocks - bfree) * bsize,
      }
    },
    async stat(path, follow) {
      const found = await (follow ? stat : lstat)(inside(path)).catch(missingIsUndefined)
      return found && entryOf(found)
    },
    async read(path, { offset, length }) {
      const at = inside(path)
      const handle = await open(at, 'r')
      return createReadStream(at, {
        fd: handle,
        start: offset,
        ...(length !== undefined && { end: offset + length - 1 }),
        highWaterMark: 1 << 20,
      })
    },
    async write(path, content, sizeBytes) {
      const at = inside(path)
      await sweepPartials(dirname(at))
      // On a full disk it is known before the first byte has come.
      const { bavail, bsize } = await statfs(root)
      if (sizeBytes !== undefined && bavail * bsize < sizeBytes)
        throw Object.assign(new Error(`${name} has ${bavail * bsize} bytes free, ${sizeBytes} are needed`), {
          code: 'ENOSPC',
        })
      const partial = `${at}.${randomUUID()}.partial`
      try {
        await pipeline(content, createWriteStream(partial, { flags: 'wx', flush: true, highWaterMark: 1 << 20 }))
        if (sizeBytes !== undefined) {
          const { size } = await stat(partial)
          if (size !== sizeBytes) throw new Error(`${path}: ${size} of ${sizeBytes} bytes have come`)
        }
        await rename(partial, at)
        await syncDirectory(dirname(at))
      } catch (error) {
        await rm(partial, { force: true })
        throw error
      }
    },
    async remove(path) {
      const at = inside(path)
      await rm(at, { recursive: true, force: true })
      await syncDirectory(dirname(at))
    },
  }
}

/**
 * A write that was killed leaves what it had so far. One that lives touches its file all the time; a clock of another machine may differ by hours, but
 * not by a day. What cannot be swept is not what the caller came for.
 */
const DEAD_AFTER_MS = 24 * 3_600_000
const PARTIAL = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.partial$/

async function sweepPartials(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter(each => PARTIAL.test(each))) {
    const partial = join(directory, name)
    const { mtimeMs = Number.POSITIVE_INFINITY } = (await stat(partial).catch(() => undefined)) ?? {}
    if (Date.now() - mtimeMs > DEAD_AFTER_MS) await rm(partial, { force: true }).catch(() => undefined)
  }
}

const entryOf = (found: Stats): StoreEntry => ({
  kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : found.isSymbolicLink() ? 'link' : 'other',
  sizeBytes: found.size,
})

export function missingIsUndefined(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
  throw error
}

/** A rename or removal outlasts a power cut only when its directory has been written. Some file systems cannot do that for directories. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(missingIsUndefined)
  if (handle === undefined) return
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle.close()
  }
}
