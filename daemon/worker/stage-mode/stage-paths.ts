import { realpath, stat } from 'node:fs/promises'
import type { StagePath } from '../../../rpc-schema/manager/stages.js'
import { errorText, SealError } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { attachedPaths } from '../../kit/sealing/attached-paths.js'
import { readIdentity } from '../../kit/sealing/path-identity.js'
import { type FileSystemSpace, fileSystemSpaces } from '../hardware/file-system-space.js'
import { AttachedStores } from '../store/attached-store.js'
import { touch } from '../store/deadline.js'

/** A path of this worker that is there and says who it is. */
export interface OpenPath {
  readonly id: string
  /** Its name as a persist store. */
  readonly name: string
  /** Canonical. */
  readonly root: string
  readonly canSeal: boolean
  readonly canStore: boolean
}

const SPACE_MS = 20_000

/** Also looks at what is there: the name of a mount that hangs may be known without asking it. */
async function realRoot(path: string): Promise<string> {
  const root = await realpath(path)
  await stat(root)
  return root
}

/**
 * The paths that have been attached to a home. They are looked at anew each time: one that is attached while the worker runs counts at once, and one
 * whose disk is gone, or is another disk, does not count any more.
 */
export class StagePaths {
  readonly #home: string
  readonly #log: Logger
  readonly #clock: Clock
  readonly #spaces: (roots: readonly string[]) => Promise<Map<string, FileSystemSpace>>
  #known: { readonly at: number; readonly space: ReadonlyMap<string, FileSystemSpace> } | undefined
  readonly #touch: (path: string) => Promise<string>
  readonly #touchMs: number | undefined
  /** Of paths that have not answered yet. */
  readonly #touches = new Map<string, { readonly root: Promise<string>; late: Error | undefined }>()
  /** Paths whose trouble has been told. */
  readonly #told = new Map<string, string>()

  /** `spaces`: how much room there is at paths; `touches`: how a path is looked at, and how long it may take to answer. */
  constructor(
    home: string,
    log: Logger,
    clock: Clock,
    spaces: (roots: readonly string[]) => Promise<Map<string, FileSystemSpace>> = fileSystemSpaces,
    touches: { readonly touch: (path: string) => Promise<string>; readonly ms?: number } = { touch: realRoot },
  ) {
    this.#spaces = spaces
    this.#touch = touches.touch
    this.#touchMs = touches.ms
    this.#home = home
    this.#log = log
    this.#clock = clock
  }

  async open(): Promise<OpenPath[]> {
    const opened = await Promise.all(attachedPaths(this.#home).map(path => this.#open(path)))
    return opened.filter(path => path !== undefined)
  }

  async #open(path: string): Promise<OpenPath | undefined> {
    try {
      const root = await this.#touched(path)
      const { ID, Name, CanSeal, CanStore } = readIdentity(root)
      if (this.#told.delete(path)) this.#log.info({ path }, `${path} is there again`)
      return { id: ID, name: Name || ID, root, canSeal: CanSeal, canStore: CanStore }
    } catch (error) {
      const text = errorText(error)
      if (this.#told.get(path) !== text)
        this.#log.error(
          { err: error, path },
          `${path} cannot be used: ${text}; its sectors wait until it is there again`,
        )
      this.#told.set(path, text)
      return undefined
    }
  }

  /**
   * Where the path really is, when it answers. A touch of a hung mount takes one of the few threads that touch files, for as long as it hangs: there is one at
   * a time, and once it is late nobody waits for it.
   */
  async #touched(path: string): Promise<string> {
    const known = this.#touches.get(path)
    if (known?.late !== undefined) throw known.late
    const pending = known ?? { root: this.#touch(path), late: undefined }
    if (known === undefined) {
      this.#touches.set(path, pending)
      const over = (): void => void this.#touches.delete(path)
      pending.root.then(over, over)
    }
    try {
      return await touch(path, pending.root, this.#touchMs)
    } catch (error) {
      if (this.#touches.get(path) === pending) pending.late = error as Error
      throw error
    }
  }

  /** As the manager is told of them. */
  async report(): Promise<StagePath[]> {
    const paths = await this.open()
    const space = await this.#space(paths.map(({ root }) => root))
    return paths.flatMap(({ id, root, canSeal, canStore }) => {
      const free = space.get(root)?.freeBytes
      return free === undefined
        ? []
        : [{ ID: id, Location: root, CanSeal: canSeal, CanStore: canStore, FreeBytes: free }]
    })
  }

  /** Asking takes a process of its own: not at every report. */
  async #space(roots: readonly string[]): Promise<ReadonlyMap<string, FileSystemSpace>> {
    const now = this.#clock.monotonic()
    const known = this.#known
    if (known !== undefined && now - known.at < SPACE_MS && roots.every(root => known.space.has(root)))
      return known.space
    const space = roots.length === 0 ? new Map<string, FileSystemSpace>() : await this.#spaces(roots)
    this.#known = { at: now, space }
    return space
  }

  /** Throws temporary when the path is not there now. */
  async find(id: string): Promise<OpenPath> {
    const found = (await this.open()).find(path => path.id === id)
    if (found === undefined) throw new SealError('temporary', `the path ${id} is not attached to this worker any more`)
    return found
  }

  /** Those that keep sealed sectors, under the names by which the manager knows them. */
  async stores(): Promise<AttachedStores> {
    const keeping = (await this.open()).filter(({ canStore }) => canStore)
    return new AttachedStores(keeping.map(({ name, root }) => ({ name, root, readonly: false })))
  }
}
