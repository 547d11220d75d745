import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Clock } from '../../kit/clock.js'

export interface WatchedStore {
  readonly kind: 'sealing' | 'attached'
  /** Name of an attached store, directory of a sealing store. */
  readonly name: string
  readonly root: string
}

export interface Space {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** What is known of a store's file system: `up` false when it did not answer the last time, its numbers then being older. */
export interface StoreSpace {
  readonly store: WatchedStore
  readonly up: boolean
  readonly space: Space | undefined
}

const REFRESH_MS = 60_000
const DEADLINE_MS = 20_000

/**
 * Asked of a program of its own: a call into a hung mount inside this process would keep one of the few threads that all file
 * access shares, for as long as the mount hangs.
 */
export async function spaceOf(root: string): Promise<Space> {
  try {
    const options = { timeout: DEADLINE_MS, killSignal: 'SIGKILL', env: { ...process.env, LC_ALL: 'C' } } as const
    const { stdout } = await promisify(execFile)('stat', ['-f', '-c', '%S %a %b', '--', root], options)
    return spaceFrom(stdout)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const { bsize, bavail, blocks } = await statfs(root)
    return { freeBytes: bsize * bavail, totalBytes: bsize * blocks }
  }
}

function spaceFrom(text: string): Space {
  const [unit, free, total] = text.trim().split(' ').map(Number)
  const space = { freeBytes: unit! * free!, totalBytes: unit! * total! }
  if (Number.isSafeInteger(space.freeBytes) && Number.isSafeInteger(space.totalBytes)) return space
  throw new Error(`stat answered ${JSON.stringify(text)}`)
}

export interface StoreSpacesParts {
  readonly stores: readonly WatchedStore[]
  readonly clock: Clock
  readonly ask?: (root: string) => Promise<Space>
}

/** The space of every store, asked for in the background, so that a scrape never waits for a disk. */
export class StoreSpaces {
  readonly #parts: StoreSpacesParts
  readonly #known = new Map<WatchedStore, StoreSpace>()
  /** Those that have not answered yet are not asked again. */
  readonly #asked = new Set<WatchedStore>()

  constructor(parts: StoreSpacesParts) {
    this.#parts = parts
  }

  get all(): StoreSpace[] {
    return [...this.#known.values()]
  }

  /** Asks now and every minute until the signal aborts. */
  async refreshUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      void this.refresh()
      await this.#parts.clock.sleep(REFRESH_MS, signal).catch(() => {})
    }
  }

  /** Resolves when every store has answered, which nobody has to wait for. */
  async refresh(): Promise<void> {
    await Promise.all(this.#parts.stores.map(store => this.#refresh(store)))
  }

  async #refresh(store: WatchedStore): Promise<void> {
    if (this.#asked.has(store)) return this.#down(store)
    this.#asked.add(store)
    try {
      const space = await (this.#parts.ask ?? spaceOf)(store.root)
      this.#known.set(store, { store, up: true, space })
    } catch {
      this.#down(store)
    } finally {
      this.#asked.delete(store)
    }
  }

  #down(store: WatchedStore): void {
    this.#known.set(store, { store, up: false, space: this.#known.get(store)?.space })
  }
}
