import { mkdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { schemaIssuesText } from '../../../rpc-schema/schema-issue.js'
import { touch } from './deadline.js'
import { directories } from './directory-glob.js'

/** A persist store as this worker sees it; manager and worker know it by the same name. */
export interface AttachedStore {
  readonly name: string
  /** Canonical. */
  readonly root: string
  readonly readonly: boolean
}

export interface AttachedConfig {
  readonly name?: string | undefined
  readonly location: string
  readonly readonly: boolean
}

/** Describes a store to those who find it by scanning. Only what concerns a worker. */
const StoreFile = z.object({
  ID: z.string().default(''),
  Name: z.string().default(''),
  ReadOnly: z.boolean().default(false),
})
const STORE_FILE = 'sectorstore.json'

async function canonicalDirectory(what: string, location: string): Promise<string> {
  const path = resolve(location)
  try {
    const root = await touch(path, realpath(path))
    if ((await touch(root, stat(root))).isDirectory()) return root
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw new Error(`${what} ${path}`, { cause })
    throw new Error(`${what} ${path} does not exist (make it with: damocles-worker store file-init -l ${path})`)
  }
  throw new Error(`${what} ${path} is not a directory`)
}

async function openConfigured(config: AttachedConfig): Promise<AttachedStore> {
  const root = await canonicalDirectory('attached store', config.location)
  return { name: config.name ?? root, root, readonly: config.readonly }
}

/** The store described by `sectorstore.json` in a directory; undefined when there is no such file. */
export async function openScanned(directory: string): Promise<AttachedStore | undefined> {
  const file = join(directory, STORE_FILE)
  let text: string
  try {
    text = await touch(file, readFile(file, 'utf8'))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new Error(`persist store ${directory}: cannot read ${STORE_FILE}`, { cause })
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new Error(`${file} is not JSON`, { cause })
  }
  const described = StoreFile.safeParse(json)
  if (!described.success) throw new Error(`${file}: ${schemaIssuesText(described.error, json)}`)
  const { ID, Name, ReadOnly } = described.data
  const root = await canonicalDirectory('persist store', directory)
  return { name: Name || ID || root, root, readonly: ReadOnly }
}

/** All persist stores of this worker by name: those of `[[attached]]`, and those found by scanning. Throws when two share a name. */
export class AttachedStores {
  readonly #byName: ReadonlyMap<string, AttachedStore>

  constructor(stores: readonly AttachedStore[]) {
    const byName = new Map<string, AttachedStore>()
    for (const store of stores) {
      const other = byName.get(store.name)
      if (other)
        throw new Error(`two attached stores are named ${JSON.stringify(store.name)}: ${other.root} and ${store.root}`)
      byName.set(store.name, store)
    }
    this.#byName = byName
  }

  static async open(
    configured: readonly AttachedConfig[],
    scanPatterns: readonly string[],
    onScanned: (store: AttachedStore) => void = () => {},
  ): Promise<AttachedStores> {
    const stores: AttachedStore[] = []
    for (const config of configured) stores.push(await openConfigured(config))
    for (const pattern of scanPatterns) {
      for await (const directory of directories(pattern)) {
        const store = await openScanned(directory)
        if (store === undefined) continue
        onScanned(store)
        stores.push(store)
      }
    }
    return new AttachedStores(stores)
  }

  get all(): AttachedStore[] {
    return [...this.#byName.values()]
  }

  get names(): string[] {
    return [...this.#byName.keys()]
  }

  /** Those that may take new sectors. */
  get writable(): string[] {
    return [...this.#byName.values()].filter(store => !store.readonly).map(store => store.name)
  }

  get(name: string): AttachedStore | undefined {
    return this.#byName.get(name)
  }
}

/** Lays out the directories of a persist store, for `store file-init`. */
export async function initPersistStore(location: string): Promise<string> {
  const root = resolve(location)
  await mkdir(root, { recursive: true })
  return realpath(root)
}
