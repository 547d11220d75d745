import type { Knex } from 'knex'
import type { StoreCondition } from '../../../rpc-schema/manager/store-care.js'
import type { StoreBasicInfo, StoreDetailedInfo } from '../../../rpc-schema/manager/stores.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { Logger } from '../../kit/log.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import type { PersistStoreSettings } from '../config/manager-settings.js'
import type { HelperLimits, StoreHelper } from './helper/store-helper.js'
import { IndexRepository } from './index-repository.js'
import { PersistStore } from './persist-store.js'
import { ReservationRepository } from './reservation-repository.js'
import { admits, hasRoom, share, weightedChoice } from './store-choice.js'
import { persistedFiles, type StoreSpace } from './store-files.js'
import { WrongStoreError } from './store-identity.js'

export interface PersistStoresOptions {
  stores: readonly PersistStoreSettings[]
  db: Knex
  clock: Clock
  log: Logger
  index?: IndexRepository
  limits?: Partial<HelperLimits>
  /** Those that run already, by the name of the store. */
  helpers?: ReadonlyMap<string, StoreHelper>
  /** A number in [0, 1), for the weighted choice. */
  random?: () => number
  /** For tests: what a store says of its space. */
  spaceOf?: (store: PersistStoreSettings) => Promise<StoreSpace & { readOnlyMarker?: boolean }>
}

interface LookedAt {
  readonly store: PersistStore
  readonly space: StoreSpace
  /** By its settings, or by the marker in it. */
  readonly readOnly: boolean
}

/** The stores that sealed sectors end in, and the space that is held in them for sectors on their way. */
export class PersistStores {
  readonly #stores: readonly PersistStore[]
  readonly #options: PersistStoresOptions
  readonly #reservations = new ReservationRepository()
  readonly #locks = new KeyedLock()

  constructor(options: PersistStoresOptions) {
    const { stores, db, clock, log, limits, helpers, index = new IndexRepository(db) } = options
    this.#options = options
    const isConfigured = (name: string): boolean => this.find(name) !== undefined
    this.#stores = stores.map(settings => {
      const helper = helpers?.get(settings.Name)
      return new PersistStore({ settings, db, index, clock, log, isConfigured, helper, ...(limits && { limits }) })
    })
  }

  get names(): string[] {
    return this.#stores.map(store => store.name)
  }

  find(name: string): PersistStore | undefined {
    return this.#stores.find(store => store.name === name)
  }

  /** Throws for a name that is not configured. */
  get(name: string): PersistStore {
    const store = this.find(name)
    if (store === undefined) throw new Error(`store not found: ${name}`)
    return store
  }

  /**
   * Looks at every store once. Rejects with an Error that names a new one whose directory is not there: a slip in the configuration. One that was
   * used before and is not there now, or does not answer, is told of in the log, and the others are served.
   */
  async check(): Promise<void> {
    const { log } = this.#options
    await Promise.all(
      this.#stores.map(async store => {
        try {
          await store.identity.expected()
        } catch (error) {
          if (error instanceof WrongStoreError && !(await store.identity.wasUsed()))
            throw new Error(`persist store ${store.name}: ${store.settings.Path}: ${error.message}`, { cause: error })
          log.error({ err: error, store: store.name }, `persist store not usable for now: ${errorText(error)}`)
        }
      }),
    )
  }

  /** Whether each can be used, and if not, why. */
  conditions(): Promise<StoreCondition[]> {
    return Promise.all(
      this.#stores.map(async store => {
        const { Name, Path } = store.settings
        const reason = await store.files.space().then(() => '', errorText)
        return { Name, Path, Usable: reason === '', Reason: reason }
      }),
    )
  }

  /** Takes over what may change while the manager runs; other stores than before are there after a restart. */
  configure(settings: readonly PersistStoreSettings[]): void {
    for (const store of this.#stores) {
      const next = settings.find(({ Name }) => Name === store.name)
      if (next === undefined) continue
      const { Strict, ReadOnly, Weight, AllowMiners, DenyMiners, KeepFree } = next
      store.settings = { ...store.settings, Strict, ReadOnly, Weight, AllowMiners, DenyMiners, KeepFree }
    }
  }

  close(): void {
    for (const store of this.#stores) store.close()
  }

  basicInfo(name: string): StoreBasicInfo | null {
    return this.find(name)?.basicInfo() ?? null
  }

  /** The stores that can be looked at, with their reservations. */
  async list(): Promise<StoreDetailedInfo[]> {
    const infos = await Promise.all(this.#stores.map(store => this.#detailed(store)))
    return infos.filter(info => info !== undefined)
  }

  /**
   * Holds space for a sector in one of the candidate stores (none: all). A store where the sector already holds exactly this much is taken again;
   * otherwise the choice among those with room is by weight and by how many sectors are on their way into each. Null when none has room.
   */
  async reserve(sid: SectorID, sizeBytes: number, candidates: readonly string[]): Promise<StoreBasicInfo | null> {
    // Outside the lock: a store that hangs costs its own deadline only once.
    const usable = await this.#usable(sid, candidates)
    return this.#locks.run('reservations', async () => {
      const { db, clock, random = Math.random } = this.#options
      const held = await this.#reservations.ofSector(sid, db)
      const again = usable.find(({ store }) =>
        held.some(one => one.store === store.name && one.sizeBytes === sizeBytes),
      )
      if (again) return again.store.basicInfo()
      const totals = await this.#reservations.totals(db)
      const withRoom = usable.filter(({ store, space, readOnly }) => {
        const own = held.find(one => one.store === store.name)?.sizeBytes ?? 0
        const others = (totals.get(store.name)?.bytes ?? 0) - own
        return !readOnly && hasRoom(store.settings, space, others, sizeBytes)
      })
      const shareOf = ({ store }: LookedAt): number => share(store.settings, totals.get(store.name)?.sectors ?? 0)
      const chosen = weightedChoice(withRoom, shareOf, random())?.store
      if (chosen === undefined) return null
      const reservation = { store: chosen.name, sector: sid, sizeBytes, at: clock.now() }
      await GroupCommit.of(db).run(trx => this.#reservations.put(reservation, trx))
      return chosen.basicInfo()
    })
  }

  /** Whether anything was held. */
  async release(sid: SectorID): Promise<boolean> {
    return (await GroupCommit.of(this.#options.db).run(trx => this.#reservations.release(sid, trx))) > 0
  }

  /** A file of the sector that the store does not have; undefined when all are there. Throws for an unknown store. */
  missingFile(sid: SectorID, sealProofType: number, name: string, upgrade: boolean): Promise<string | undefined> {
    const store = this.find(name)
    if (store === undefined) throw new Error(`check persisted files of ${sectorName(sid)}: store not found: ${name}`)
    return store.files.firstMissing(persistedFiles(sid, sealProofType, upgrade), store.settings.Strict)
  }

  /** Stores that may take a sector of this miner and can be looked at, in their configured order. */
  async #usable(sid: SectorID, candidates: readonly string[]): Promise<LookedAt[]> {
    const allowed = this.#stores.filter(
      store => admits(store.settings, sid.Miner) && (candidates.length === 0 || candidates.includes(store.name)),
    )
    const looked = await Promise.all(allowed.map(store => this.#look(store)))
    return looked.filter(entry => entry !== undefined)
  }

  async #look(store: PersistStore): Promise<LookedAt | undefined> {
    const { spaceOf, log } = this.#options
    try {
      const { readOnlyMarker = false, ...space } = await (spaceOf ? spaceOf(store.settings) : store.files.space())
      return { store, space, readOnly: store.settings.ReadOnly || readOnlyMarker }
    } catch (error) {
      log.warn({ err: error, store: store.name }, `persist store left out: ${errorText(error)}`)
      return undefined
    }
  }

  async #detailed(store: PersistStore): Promise<StoreDetailedInfo | undefined> {
    const looked = await this.#look(store)
    if (looked === undefined) return undefined
    const { space, readOnly } = looked
    const held = await this.#reservations.ofStore(store.name, this.#options.db)
    const shown = space.usedBytes + space.freeBytes
    return {
      ...store.basicInfo(readOnly),
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
