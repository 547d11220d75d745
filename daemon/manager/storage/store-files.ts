import { lstat, stat, statfs } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { StoreGuard } from './store-guard.js'

const GIB = 1024 ** 3

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

export interface StoreSpace {
  readonly type: string
  readonly totalBytes: number
  /** For users without privileges. */
  readonly freeBytes: number
  readonly usedBytes: number
}

/** Looks at the files of one store, each look with a deadline and never more than one hanging. */
export class StoreFiles {
  readonly #name: string
  readonly #root: string
  readonly #guard: StoreGuard

  constructor(name: string, root: string) {
    this.#name = name
    this.#root = root
    this.#guard = new StoreGuard(name)
  }

  async root(): Promise<'directory' | 'missing' | 'other'> {
    const found = await this.#guard.touch('its directory', () => stat(this.#root).catch(missingIsUndefined))
    if (found === undefined) return 'missing'
    return found.isDirectory() ? 'directory' : 'other'
  }

  async space(): Promise<StoreSpace> {
    const { type, bsize, blocks, bavail, bfree } = await this.#guard.touch('statfs', () => statfs(this.#root))
    return {
      type: FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`,
      totalBytes: blocks * bsize,
      freeBytes: bavail * bsize,
      usedBytes: (blocks - bfree) * bsize,
    }
  }

  /** The first of these paths (relative to the store) that is not there; undefined when all are. */
  async firstMissing(paths: readonly string[], strict: boolean): Promise<string | undefined> {
    // A link counts as what it leads to, unless only plain files are to be there.
    const look = strict ? lstat : stat
    for (const path of paths) {
      const found = await this.#guard.touch(path, () => look(this.#inside(path)).catch(missingIsUndefined))
      if (found === undefined) return path
      if (strict && !found.isFile()) return path
    }
    return undefined
  }

  #inside(path: string): string {
    const clean = normalize(path)
    if (isAbsolute(clean) || clean.startsWith('..')) throw new Error(`${path} leads out of the store ${this.#name}`)
    return join(this.#root, clean)
  }
}

function missingIsUndefined(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
  throw error
}

/** Files that hold the top of tree-r: one up to 512 MiB, then one for each of 8 or 16 parts. */
function treeRLastFiles(sectorSize: number): string[] {
  const parts = sectorSize >= 64 * GIB ? 16 : sectorSize >= 32 * GIB ? 8 : 1
  if (parts === 1) return ['sc-02-data-tree-r-last.dat']
  return Array.from({ length: parts }, (_, part) => `sc-02-data-tree-r-last-${part}.dat`)
}

/** The files of a sector without which it cannot be proven, relative to its store. */
export function persistedFiles(sid: SectorID, sealProofType: number, upgrade: boolean): string[] {
  const name = sectorName(sid)
  const [sealed, cache] = upgrade ? ['update', 'update-cache'] : ['sealed', 'cache']
  const inCache = ['p_aux', 't_aux', ...treeRLastFiles(sealProof(sealProofType).sectorSize)]
  return [`${sealed}/${name}`, ...inCache.map(file => `${cache}/${name}/${file}`)]
}
