import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'
import type { PersistStores } from '../storage/persist-stores.js'
import type { SectorFiles } from '../storage/sector-files.js'
import { persistedFiles } from '../storage/store-files.js'

/** The files that a sector was sealed into, which the upgraded one does not need. */
export class OldFiles {
  readonly #files: Pick<SectorFiles, 'find'>
  readonly #stores: Pick<PersistStores, 'find'>
  readonly #log: Logger

  constructor(files: Pick<SectorFiles, 'find'>, stores: Pick<PersistStores, 'find'>, log: Logger) {
    this.#files = files
    this.#stores = stores
    this.#log = log
  }

  /** Deletes them; what is gone already is no error. Answers what was kept, and why. */
  async remove(sid: SectorID, sealProofType: number): Promise<string | undefined> {
    const { Found, Instance } = await this.#files.find('normal', sid)
    if (!Found) return 'it is not known in which store they are'
    const [sealed, ...cache] = persistedFiles(sid, sealProofType, false) as [string, ...string[]]
    for (const [name, paths] of [
      [Instance.SealedFile, [sealed]],
      [Instance.CacheDir, cache],
    ] as const) {
      const store = this.#stores.find(name)
      if (store === undefined) return `the store ${name} is not configured any more`
      if (store.settings.ReadOnly) return `the store ${name} is read-only`
      await store.files.remove(paths)
    }
    this.#log.info(
      { sector: sectorName(sid), store: Instance.SealedFile },
      'the files from before the upgrade are deleted',
    )
    return undefined
  }
}
