import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { StoreEntry, StoreSpace } from './drivers/store-driver.js'
import { StoreError } from './helper/helper-process.js'
import { HELPER_ERROR, type OperationName, type OperationRequest, type OperationResult } from './helper/protocol.js'
import type { StoreHelper } from './helper/store-helper.js'

export type { StoreSpace } from './drivers/store-driver.js'

const GIB = 1024 ** 3

/** What must be known of a store before it is touched. */
export interface ExpectedIdentity {
  /** The id its files must hold; undefined for a store without one. */
  expected(): Promise<string | undefined>
  /** It turned out to be another one. */
  doubt(): void
}

/** Looks at the files of one store, and removes them, only while it is the store that it is taken for. */
export class StoreFiles {
  readonly #helper: StoreHelper
  readonly #identity: ExpectedIdentity

  constructor(helper: StoreHelper, identity: ExpectedIdentity) {
    this.#helper = helper
    this.#identity = identity
  }

  /** `readOnlyMarker`: the file is there that forbids anything new. */
  space(): Promise<StoreSpace & { readonly readOnlyMarker: boolean }> {
    return this.#ask('space', {})
  }

  /** The first of these paths (relative to the store) that is not there; undefined when all are. */
  async firstMissing(paths: readonly string[], strict: boolean): Promise<string | undefined> {
    // A link counts as what it leads to, unless only plain files are to be there.
    const found = await this.stats(paths, !strict)
    return paths.find((_, index) => {
      const entry = found[index]
      return entry === undefined || (strict && entry.kind !== 'file')
    })
  }

  /** What each path is; undefined for those that are not there. */
  async stats(paths: readonly string[], follow = true, limitMs?: number): Promise<(StoreEntry | undefined)[]> {
    const found = await this.#ask('stat', { paths: [...paths], follow }, limitMs)
    return found.map(entry => entry ?? undefined)
  }

  /** Removes files and whole directories; what is not there is no error. */
  async remove(paths: readonly string[]): Promise<void> {
    // Without an id it cannot be told whether it is the right one.
    if ((await this.#identity.expected()) === undefined)
      throw new Error(`nothing is deleted in store ${this.#helper.name}: it has no identity file`)
    await this.#ask('remove', { paths: [...paths] }, REMOVE_LIMIT_MS)
  }

  async #ask<N extends OperationName>(
    op: N,
    request: OperationRequest<N>,
    limitMs?: number,
  ): Promise<OperationResult<N>> {
    const identity = await this.#identity.expected()
    try {
      return await this.#helper.request(op, request, { identity, ...(limitMs !== undefined && { limitMs }) })
    } catch (error) {
      if (error instanceof StoreError && error.code === HELPER_ERROR.otherStore) this.#identity.doubt()
      throw error
    }
  }
}

/** A cache directory of a sector that was not cleared holds hundreds of GiB. */
const REMOVE_LIMIT_MS = 10 * 60_000

/** Files that hold the top of tree-r: one up to 512 MiB, then one for each of 8 or 16 parts. */
function treeRLastFiles(sectorSize: number): string[] {
  const parts = sectorSize >= 64 * GIB ? 16 : sectorSize >= 32 * GIB ? 8 : 1
  if (parts === 1) return ['sc-02-data-tree-r-last.dat']
  return Array.from({ length: parts }, (_, part) => `sc-02-data-tree-r-last-${part}.dat`)
}

/** Where the two parts of a sector are within a store. */
export function sectorPaths(sid: SectorID, upgrade: boolean): { sealed: string; cache: string } {
  const name = sectorName(sid)
  return upgrade
    ? { sealed: `update/${name}`, cache: `update-cache/${name}` }
    : { sealed: `sealed/${name}`, cache: `cache/${name}` }
}

/** The files of the cache directory of a sector without which it cannot be proven. */
export const provingCacheFiles = (sectorSize: number): string[] => ['p_aux', 't_aux', ...treeRLastFiles(sectorSize)]

/** The files of a sector without which it cannot be proven, relative to its store. */
export function persistedFiles(sid: SectorID, sealProofType: number, upgrade: boolean): string[] {
  const { sealed, cache } = sectorPaths(sid, upgrade)
  return [sealed, ...provingCacheFiles(sealProof(sealProofType).sectorSize).map(file => `${cache}/${file}`)]
}
