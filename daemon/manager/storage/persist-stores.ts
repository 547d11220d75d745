import type { Knex } from 'knex'
import type { StoreBasicInfo, StoreDetailedInfo } from '../../../rpc-schema/manager/stores.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import type { PersistStoreSettings } from '../config/manager-settings.js'
import { ReservationRepository } from './reservation-repository.js'
import { persistedFiles, StoreFiles, type StoreSpace } from './store-files.js'

export interface PersistStoresOptions {
  stores: readonly PersistStoreSettings[]
  db: Knex
  clock: Clock
  log: Logger
  /** A number in [0, 1), for the weighted choice. */
  random?: () => number
  /** For tests: what a store says of its space. */
  spaceOf?: (store: PersistStoreSettings) => Promise<StoreSpace>
}

interface Store {
  readonly settings: PersistStoreSettings
  readonly files: StoreFiles
}

/** The stores that sealed sectors end in, and the space that is held in them for sectors on their way. */
export class PersistStores {
  readonly #stores: readonly Store[]
  readonly #options: PersistStoresOptions
  readonly #reservations = new ReservationRepository()
  readonly #locks = new KeyedLock()

  constructor(options: PersistStoresOptions) {
    this.#options = options
    this.#stores = options.stores.map(settings => ({ settings, files: new StoreFiles(settings.Name, settings.Path) }))
  }

  /** Rejects with an Error that names a store whose directory is not there, or does not answer. */
  async check(): Promise<void> {
    for (const { settings, files } of this.#stores) {
      const root = await files.root()
      if (root !== 'directory')
        throw new Error(
          `persist store ${settings.Name}: ${settings.Path} is not a directory${root === 'missing' ? ', it does not exist' : ''}`,
        )
    }
  }

  basicInfo(name: string): StoreBasicInfo | null {
    const store = this.#find(name)
    return store ? basicInfo(store.settings) : null
  }

  /** The stores that can be looked at, with their reservations. */
  async list(): Promise<StoreDetailedInfo[]> {
    const infos = await Promise.all(this.#stores.map(store => this.#detailed(store)))
    return infos.filter(info => info !== undefined)
  }

  /**
   * Holds space for a sector in one of the candidate stores (none: all). A store where the sector already holds exactly this much is taken again;
   * otherwise the choice among those with room is by weight. Null when none has room.
   */
  reserve(sid: SectorID, sizeBytes: number, candidates: readonly string[]): Promise<StoreBasicInfo | null> {
    return this.#locks.run('reservations', async () => {
      const { db, clock, random = Math.random } = this.#options
      const usable = await this.#usable(sid, candidates)
      const held = await this.#reservations.ofSector(sid, db)
      const again = usable.find(({ store }) =>
        held.some(one => one.store === store.settings.Name && one.sizeBytes === sizeBytes),
      )
      if (again) return basicInfo(again.store.settings)
      const sums = await this.#reservations.sums(db)
      const withRoom = usable.filter(({ store: { settings }, space }) => {
        const own = held.find(one => one.store === settings.Name)?.sizeBytes ?? 0
        return !settings.ReadOnly && space.freeBytes >= (sums.get(settings.Name) ?? 0) - own + sizeBytes
      })
      const chosen = weightedChoice(withRoom, ({ store }) => store.settings.Weight || 1, random())?.store.settings
      if (chosen === undefined) return null
      await this.#reservations.put({ store: chosen.Name, sector: sid, sizeBytes, at: clock.now() }, db)
      return basicInfo(chosen)
    })
  }

  /** Whether anything was held. */
  async release(sid: SectorID): Promise<boolean> {
    return (await this.#reservations.release(sid, this.#options.db)) > 0
  }

  /** A file of the sector that the store does not have; undefined when all are there. Throws for an unknown store. */
  missingFile(sid: SectorID, sealProofType: number, name: string, upgrade: boolean): Promise<string | undefined> {
    const store = this.#find(name)
    if (store === undefined) throw new Error(`check persisted files of ${sectorName(sid)}: store not found: ${name}`)
    return store.files.firstMissing(persistedFiles(sid, sealProofType, upgrade), store.settings.Strict)
  }

  #find(name: string): Store | undefined {
    return this.#stores.find(({ settings }) => settings.Name === name)
  }

  /** Stores that may take a sector of this miner and can be looked at, in their configured order. */
  async #usable(sid: SectorID, candidates: readonly string[]): Promise<{ store: Store; space: StoreSpace }[]> {
    const allowed = this.#stores.filter(
      ({ settings }) =>
        !settings.DenyMiners.includes(sid.Miner) &&
        (settings.AllowMiners.length === 0 || settings.AllowMiners.includes(sid.Miner)) &&
        (candidates.length === 0 || candidates.includes(settings.Name)),
    )
    const looked = await Promise.all(
      allowed.map(async store => {
        const space = await this.#space(store)
        return space && { store, space }
      }),
    )
    return looked.filter(entry => entry !== undefined)
  }

  async #space(store: Store): Promise<StoreSpace | undefined> {
    const { spaceOf, log } = this.#options
    try {
      return await (spaceOf ? spaceOf(store.settings) : store.files.space())
    } catch (error) {
      log.warn({ err: error, store: store.settings.Name }, `persist store left out: ${errorText(error)}`)
      return undefined
    }
  }

  async #detailed(store: Store): Promise<StoreDetailedInfo | undefined> {
    const space = await this.#space(store)
    if (space === undefined) return undefined
    const held = await this.#reservations.ofStore(store.settings.Name, this.#options.db)
    const shown = space.usedBytes + space.freeBytes
    return {
      ...basicInfo(store.settings),
      Type: space.type,
      Total: space.totalBytes,
      Free: space.freeBytes,
      Used: space.usedBytes,
      UsedPercent: shown === 0 ? 0 : (100 * space.usedBytes) / shown,
      Reserved: held.reduce((sum, one) => sum + one.sizeBytes, 0),
      ReservedBy: held.map(({ sector, sizeBytes, at }) => ({
        By: sectorName(sector),
        Size: sizeBytes,
        At: Math.floor(at / 1000),
      })),
    }
  }
}

const basicInfo = ({ Name, Path, Strict, ReadOnly, Weight, Meta }: PersistStoreSettings): StoreBasicInfo => ({
  Name,
  Path,
  Strict,
  ReadOnly,
  Weight,
  Meta: Meta ?? null,
})

/** `point` in [0, 1) decides; undefined when there is nothing to choose from. */
export function weightedChoice<T>(items: readonly T[], weightOf: (item: T) => number, point: number): T | undefined {
  let rest = point * items.reduce((sum, item) => sum + weightOf(item), 0)
  for (const item of items) {
    rest -= weightOf(item)
    if (rest < 0) return item
  }
  return items.at(-1)
}
