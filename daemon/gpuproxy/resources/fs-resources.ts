import { createReadStream } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SharedSync } from '../../kit/shared-sync.js'
import { IncomingFile, PARTIAL, removeFile, syncNames } from './incoming-file.js'
import { type IncomingResource, isResourceId, type OpenResource, type ResourceStore } from './resource-store.js'

const MOST_AT_ONCE = 1_000

/** Resources as files of a directory, which workers may share by a mount: one file each, named by its id. */
export class FsResources implements ResourceStore {
  readonly #dir: string
  /** Waits until the names in the directory are on the disk. */
  readonly #names: SharedSync

  /** The directory is made when it is absent; none is the working directory. */
  constructor(dir: string) {
    this.#dir = resolve(dir)
    this.#names = new SharedSync(() => syncNames(this.#dir))
  }

  get where(): string {
    return this.#dir
  }

  path(id: string): string {
    return join(this.#dir, id)
  }

  receive(): IncomingResource {
    return new IncomingFile(this.#dir, this.#names)
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
    if (isResourceId(id)) await removeFile(this.path(id))
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
      if (entry.name.endsWith(PARTIAL)) await removeFile(path)
      else if (isResourceId(entry.name)) found.push(entry.name)
    }
    return found
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
