import { mkdir, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { SealError } from '../../../rpc-schema/seal-error.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { syncDirectory } from './durable-file.js'
import { cacheDir, preparedDir, sealedFile, stagedFile, updateCacheDir, updateFile } from './layout.js'
import { RecordJournal } from './record-journal.js'
import { StageTimes } from './stage-times.js'
import { HOLDER_FILE, lockStore } from './store-lock.js'

/** Present in `meta/` when another implementation's embedded database lives there. */
const ROCKSDB_FILE = 'CURRENT'

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** Lays out a new sealing store. Throws when there is one already. */
export async function initSealingStore(location: string): Promise<string> {
  const root = resolve(location)
  if (await isThere(join(root, HOLDER_FILE))) throw new Error(`${root} is already a sealing store`)
  await mkdir(join(root, 'data'), { recursive: true })
  await mkdir(join(root, 'meta'), { recursive: true })
  await writeFile(join(root, HOLDER_FILE), '', { flag: 'wx' })
  await syncDirectory(root)
  return realpath(root)
}

/** The working directory of one sealing thread: files under `data/`, the sector's record in `meta/`, opened by one process at a time. */
export class SealingStore {
  /** Canonical. */
  readonly root: string
  readonly journal: RecordJournal
  readonly stageTimes: StageTimes
  readonly #unlock: () => Promise<void>

  private constructor(root: string, unlock: () => Promise<void>) {
    this.root = root
    this.journal = new RecordJournal(join(root, 'meta'))
    this.stageTimes = new StageTimes(join(root, 'stage-times.json'))
    this.#unlock = unlock
  }

  /** Opens a store, made first when there is nothing at `location` (its parent must exist). */
  static async open(location: string): Promise<SealingStore> {
    const root = await findOrInit(location)
    if (!(await isThere(join(root, HOLDER_FILE)))) {
      throw new SealError(
        'critical',
        `${root} is not a sealing store: it has no ${HOLDER_FILE} file (make one with: damocles-worker store sealing-init -l ${root})`,
      )
    }
    const unlock = await lockStore(root)
    try {
      await mkdir(join(root, 'data'), { recursive: true })
      await mkdir(join(root, 'meta'), { recursive: true })
      const store = new SealingStore(root, unlock)
      await store.#refuseForeignWork()
      await store.journal.removeLeftovers()
      return store
    } catch (error) {
      await unlock()
      throw error
    }
  }

  get dataDir(): string {
    return join(this.root, 'data')
  }

  get hotConfigFile(): string {
    return join(this.root, 'config.toml')
  }

  /** Absolute paths of a sector's working files. */
  sector(sector: SectorID): SectorPaths {
    const at = (path: string): string => join(this.dataDir, path)
    return {
      data: this.dataDir,
      staged: at(stagedFile(sector)),
      prepared: at(preparedDir(sector)),
      cache: at(cacheDir(sector)),
      sealed: at(sealedFile(sector)),
      update: at(updateFile(sector)),
      updateCache: at(updateCacheDir(sector)),
    }
  }

  /** Drops all working files and the record: the store is ready for another sector. Files go first, so a crash between repeats it. */
  async clean(): Promise<void> {
    await rm(this.dataDir, { recursive: true, force: true })
    await mkdir(this.dataDir, { recursive: true })
    await this.journal.remove()
  }

  async close(): Promise<void> {
    await this.#unlock()
  }

  /** A record in a RocksDB cannot be read here; its sector's files must not be taken for rubbish. */
  async #refuseForeignWork(): Promise<void> {
    if (!(await isThere(join(this.root, 'meta', ROCKSDB_FILE))) || (await this.journal.exists())) return
    if (!(await holdsFiles(this.dataDir))) return
    throw new SealError(
      'critical',
      `sealing store ${this.root} holds an unfinished sector of damocles-worker, whose record (RocksDB in meta/) cannot be read here: ` +
        'let damocles-worker finish or abort it, or empty data/ when the sector is given up',
    )
  }
}

export interface SectorPaths {
  /** What the relative paths of `layout.ts` are below. */
  readonly data: string
  readonly staged: string
  readonly prepared: string
  readonly cache: string
  readonly sealed: string
  /** The replica that a snap-up makes, and its cache. */
  readonly update: string
  readonly updateCache: string
}

async function holdsFiles(directory: string): Promise<boolean> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  return entries.some(entry => !entry.isDirectory())
}

async function findOrInit(location: string): Promise<string> {
  const path = resolve(location)
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storeError(path, error)
  }
  if (!(await isThere(dirname(path)))) {
    throw new SealError('critical', `sealing store ${path}: its parent directory ${dirname(path)} does not exist`)
  }
  return initSealingStore(path).catch((error: unknown) => {
    throw storeError(path, error)
  })
}

const storeError = (path: string, cause: unknown): SealError =>
  new SealError('critical', `cannot open the sealing store ${path}`, { cause })
