import type { managerService } from '../../../rpc-schema/manager/index.js'
import type { SectorAccessStores } from '../../../rpc-schema/manager/stores.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { withDeadline } from '../concurrency/deadline.js'
import type { IndexKind, SectorIndex } from './sector-index.js'

const FIND_LIMIT_MS = 30_000

/** The index of another manager, `daemon run --proxy`: it can be read, never written. Names of stores must be the same in both. */
export class ProxiedIndex implements SectorIndex {
  readonly #manager: Pick<Client<typeof managerService.methods>, 'SectorIndexerFind'>
  readonly #address: string

  constructor(manager: Pick<Client<typeof managerService.methods>, 'SectorIndexerFind'>, address: string) {
    this.#manager = manager
    this.#address = address
  }

  async find(kind: IndexKind, sid: SectorID): Promise<SectorAccessStores | undefined> {
    const asked = this.#manager.SectorIndexerFind(kind, sid)
    const { Found, Instance } = await withDeadline(`the index of the manager at ${this.#address}`, FIND_LIMIT_MS, asked)
    if (!Found) return undefined
    return { SealedFile: Instance.SealedFile, CacheDir: Instance.CacheDir || Instance.SealedFile }
  }

  put(_: IndexKind, sid: SectorID): Promise<void> {
    const why = `the sector index is read from the manager at ${this.#address} (--proxy), and only that one may write it`
    return Promise.reject(new Error(`update the index of ${sectorName(sid)}: ${why}`))
  }
}
