import { join } from 'node:path'
import type { PrivateSectorInfo } from '../../../rpc-schema/manager/proving.js'
import type { SectorAccessStores } from '../../../rpc-schema/manager/stores.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { PersistStore } from './persist-store.js'
import type { PersistStores } from './persist-stores.js'
import type { SectorIndex } from './sector-index.js'
import { sectorPaths } from './store-files.js'

/** Where the two parts of a sector are. */
export interface SectorPlace {
  readonly sealedStore: PersistStore
  readonly cacheStore: PersistStore
  /** Relative to their stores. */
  readonly sealed: string
  readonly cache: string
}

/** The index or the configuration has no place for the sector: no time will bring its files back. */
export class NoPlaceError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoPlaceError'
  }
}

/** Finds the files of sectors through the index. */
export class SectorPlaces {
  readonly #stores: PersistStores
  readonly #index: SectorIndex

  constructor(stores: PersistStores, index: SectorIndex) {
    this.#stores = stores
    this.#index = index
  }

  /** `upgraded`: the files that the upgrade has made. Throws when the sector is not in the index, or its store not in the configuration. */
  async find(sid: SectorID, upgraded: boolean): Promise<SectorPlace> {
    const found = await this.#index.find(upgraded ? 'upgrade' : 'normal', sid)
    if (found === undefined)
      throw new NoPlaceError(
        `${sectorName(sid)}: object not found: no store is known to hold its ${upgraded ? 'upgraded ' : ''}files`,
      )
    return this.at(sid, upgraded, found)
  }

  /** Where they are when they are in these stores. */
  at(sid: SectorID, upgraded: boolean, stores: SectorAccessStores): SectorPlace {
    return {
      sealedStore: this.#store(sid, stores.SealedFile),
      cacheStore: this.#store(sid, stores.CacheDir || stores.SealedFile),
      ...sectorPaths(sid, upgraded),
    }
  }

  #store(sid: SectorID, name: string): PersistStore {
    const store = this.#stores.find(name)
    if (store === undefined)
      throw new NoPlaceError(`${sectorName(sid)}: instance not found: the store ${name} is not in the configuration`)
    return store
  }
}

/** As the API tells it; paths are empty in a store whose files have none. */
export function privateInfo({ sealedStore, cacheStore, sealed, cache }: SectorPlace): PrivateSectorInfo {
  return {
    Accesses: { SealedFile: sealedStore.name, CacheDir: cacheStore.name },
    CacheDirPath: cacheStore.root === undefined ? '' : join(cacheStore.root, cache),
    SealedSectorPath: sealedStore.root === undefined ? '' : join(sealedStore.root, sealed),
    CacheDirURI: cache,
    SealedSectorURI: sealed,
  }
}
