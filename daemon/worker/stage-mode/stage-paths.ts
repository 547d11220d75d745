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
  /** Paths whose trouble has been told. */
  readonly #told = new Map<string, string>()

  /** `spaces`: how much room there is at paths. */
  constructor(
    home: string,
    log: Logger,
    clock: Clock,
    spaces: (roots: readonly string[]) => Promise<Map<string, FileSystemSpace>> = fileSystemSpaces,
  ) {
    this.#spaces = spaces
    this.#home = home
    this.#log = log
    this.#clock = clock
  }

  async open(): Promise<OpenPath[]> {
    const opened: OpenPath[] = []
    for (const path of attachedPaths(this.#home)) {
      try {
        const root = await touch(path, realpath(path))
        await touch(path, stat(root))
        const { ID, Name, CanSeal, CanStore } = readIdentity(root)
        opened.push({ id: ID, name: Name || ID, root, canSeal: CanSeal, canStore: CanStore })
        if (this.#told.delete(path)) this.#log.info({ path }, `${path} is there again`)
      } catch (error) {
        const text = errorText(error)
        if (this.#told.get(path) !== text)
          this.#log.error(
            { err: error, path },
            `${path} cannot be used: ${text}; its sectors wait until it is there again`,
          )
        this.#told.set(path, text)
      }
    }
    return opened
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
