import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isResourceId, type OpenResource, type ResourceStore } from './resource-store.js'

const PARTIAL = '.partial'
const MOST_AT_ONCE = 1_000

/** Resources as files of a directory, which workers may share by a mount: one file each, named by its id. */
export class FsResources implements ResourceStore {
  readonly #dir: string

  /** The directory is made when it is absent; none is the working directory. */
  constructor(dir: string) {
    this.#dir = resolve(dir)
  }

  get where(): string {
    return this.#dir
  }

  path(id: string): string {
    return join(this.#dir, id)
  }

  async put(id: string, bytes: Uint8Array): Promise<void> {
    if ((await this.open(id))?.sizeBytes === bytes.length) return
    await mkdir(this.#dir, { recursive: true })
    const partial = `${this.path(id)}.${randomUUID()}${PARTIAL}`
    try {
      const file = await open(partial, 'w')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(partial, this.path(id))
    } catch (error) {
      await rm(partial, { force: true }).catch(() => {})
      throw error
    }
  }

  async open(id: string): Promise<OpenResource | undefined> {
    if (!isResourceId(id)) return undefined
    const path = this.path(id)
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (!found?.isFile()) return undefined
    return { sizeBytes: found.size, stream: () => createReadStream(path) }
  }

  async remove(id: string): Promise<void> {
    if (isResourceId(id)) await rm(this.path(id), { force: true })
  }

  async olderThan(moment: number): Promise<string[]> {
    const found: string[] = []
    const dir = await opendir(this.#dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (dir === undefined) return []
    for await (const entry of dir) {
      if (!entry.isFile() || found.length >= MOST_AT_ONCE) continue
      const path = join(this.#dir, entry.name)
      const mtimeMs = (await stat(path).catch(() => undefined))?.mtimeMs
      if (mtimeMs === undefined || mtimeMs >= moment) continue
      // What a killed process has left half written belongs to nobody.
      if (entry.name.endsWith(PARTIAL)) await rm(path, { force: true })
      else if (isResourceId(entry.name)) found.push(entry.name)
    }
    return found
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
