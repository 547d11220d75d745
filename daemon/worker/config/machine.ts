import { constants } from 'node:fs'
import { access, realpath, stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { readTopology } from '../hardware/read-topology.js'
import type { Topology } from '../hardware/topology.js'
import { touch } from '../store/deadline.js'

/** What lies at a path. */
export type Place =
  | { readonly kind: 'missing' }
  /** Closed to us, or on a mount that does not answer. */
  | { readonly kind: 'unknown'; readonly why: string }
  | {
      readonly kind: 'directory' | 'file' | 'other'
      /** Canonical. */
      readonly real: string
      readonly bytes: number
      readonly writable: boolean
    }

/** What a configuration is checked against. Each path is looked at once. */
export class Machine {
  readonly env: NodeJS.ProcessEnv
  readonly #places = new Map<string, Promise<Place>>()
  readonly #sysRoot: string

  constructor(options: { env?: NodeJS.ProcessEnv; sysRoot?: string } = {}) {
    this.env = options.env ?? process.env
    this.#sysRoot = options.sysRoot ?? '/sys'
  }

  place(path: string): Promise<Place> {
    const absolute = resolve(path)
    const place = this.#places.get(absolute) ?? lookAt(absolute)
    this.#places.set(absolute, place)
    return place
  }

  /**
   * The executable file that would be started as `bin`, looked for in `searchPath` (a `PATH`) when there is no slash in it; undefined
   * when there is none.
   */
  async program(bin: string, searchPath: string): Promise<string | undefined> {
    const candidates = bin.includes('/')
      ? [resolve(bin)]
      : searchPath.split(delimiter).map(dir => join(dir || '.', bin))
    for (const path of candidates) {
      if ((await this.place(path)).kind !== 'file') continue
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path
    }
    return undefined
  }

  /** undefined when the kernel does not tell. */
  topology(): Promise<Topology | undefined> {
    return readTopology({ sysRoot: this.#sysRoot }).catch(() => undefined)
  }
}

async function lookAt(path: string): Promise<Place> {
  try {
    const found = await touch(path, stat(path))
    const kind = found.isDirectory() ? 'directory' : found.isFile() ? 'file' : 'other'
    const writable = await access(path, constants.W_OK).then(
      () => true,
      () => false,
    )
    return { kind, real: await realpath(path), bytes: found.size, writable }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'missing' } : { kind: 'unknown', why: message }
  }
}
