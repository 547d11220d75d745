import type { SectorIndexLocation } from '../../../rpc-schema/manager/stores.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { PersistStores } from './persist-stores.js'
import type { SectorIndex } from './sector-index.js'

/** Knows in which stores the files of sectors are. */
export class SectorFiles {
  readonly #stores: PersistStores
  readonly #index: SectorIndex
  readonly #book: SectorBook
  readonly #log: Logger

  constructor(stores: PersistStores, index: SectorIndex, book: SectorBook, log: Logger) {
    this.#stores = stores
    this.#index = index
    this.#book = book
    this.#log = log
  }

  /** Looks for all files of a sector in a store and notes where they are; false when one is missing. */
  async submitPersisted(sid: SectorID, store: string, upgrade: boolean): Promise<boolean> {
    const record = await this.#book.online(sid)
    const missing = await this.#stores.missingFile(sid, record.SectorType, store, upgrade)
    if (missing !== undefined) {
      this.#log.warn({ sector: sectorName(sid), store, missing }, 'files of a sector are not all there')
      return false
    }
    await this.#index.put(upgrade ? 'upgrade' : 'normal', sid, { SealedFile: store, CacheDir: store })
    await this.#book.note(sid, {
      actor: 'worker',
      event: 'persisted',
      detail: `in ${store}${upgrade ? ', upgrade' : ''}`,
    })
    return true
  }

  async find(kind: string, sid: SectorID): Promise<SectorIndexLocation> {
    if (kind !== 'normal' && kind !== 'upgrade') throw new Error(`sector indexer of type ${kind} is not supported`)
    const found = await this.#index.find(kind, sid)
    return { Found: found !== undefined, Instance: found ?? { SealedFile: '', CacheDir: '' } }
  }
}
