import { randomUUID } from 'node:crypto'
import { type FileHandle, link, mkdir, open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { SharedSync } from '../../kit/shared-sync.js'
import type { IncomingResource } from './resource-store.js'

/** End of the names of files that are not whole. */
export const PARTIAL = '.partial'
/** So much is held before it is written: most documents of small sectors are written at once, or not at all when nobody needs them. */
const HELD_BYTES = 512 * 1024

/** A file of the directory that is written under another name until it is whole. */
export class IncomingFile implements IncomingResource {
  readonly #dir: string
  readonly #names: SharedSync
  readonly #partial: string
  #held: Uint8Array[] = []
  #heldBytes = 0
  #file: FileHandle | undefined
  #isThere = false

  constructor(dir: string, names: SharedSync) {
    this.#dir = dir
    this.#names = names
    this.#partial = join(dir, `${randomUUID()}${PARTIAL}`)
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes >= HELD_BYTES) await this.#writeHeld()
  }

  /**
   * A name that nobody has yet is taken at once, and bytes and name go to the disk together: as long as this does not return, no task is made from them. What
   * others may be reading is replaced only by what is on the disk.
   */
  async keep(id: string): Promise<void> {
    await this.#writeHeld()
    const path = join(this.#dir, id)
    if (await isLinked(this.#partial, path)) {
      await Promise.all([this.#file!.datasync(), removeFile(this.#partial).then(() => this.#names.wait())])
    } else {
      await this.#file!.datasync()
      await rename(this.#partial, path)
      await this.#names.wait()
    }
    this.#isThere = false
    await this.#close()
  }

  async discard(): Promise<void> {
    this.#held = []
    this.#heldBytes = 0
    await this.#close()
    if (this.#isThere) await removeFile(this.#partial)
    this.#isThere = false
  }

  async #writeHeld(): Promise<void> {
    const [parts, bytes] = [this.#held, this.#heldBytes]
    this.#held = []
    this.#heldBytes = 0
    this.#file ??= await this.#create()
    const { bytesWritten } = await this.#file.writev(parts)
    // The system may take less at a time; then it is told again, until it says why.
    if (bytesWritten < bytes) await this.#file.writeFile(Buffer.concat(parts).subarray(bytesWritten))
  }

  async #create(): Promise<FileHandle> {
    const created = await open(this.#partial, 'wx').catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      await mkdir(this.#dir, { recursive: true })
      return open(this.#partial, 'wx')
    })
    this.#isThere = true
    return created
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

/** False when the name is taken, or the file system knows one name for a file only. */
async function isLinked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== undefined && NO_SECOND_NAME.has(code)) return false
    throw error
  }
}
const NO_SECOND_NAME: ReadonlySet<string> = new Set(['EEXIST', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** One that is not there is removed already. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** What was renamed in a directory stays so when the power fails. */
export async function syncNames(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
