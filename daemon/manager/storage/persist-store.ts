import type { Knex } from 'knex'
import type { StoreBasicInfo } from '../../../rpc-schema/manager/stores.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { PersistStoreSettings } from '../config/manager-settings.js'
import { type HelperLimits, StoreHelper } from './helper/store-helper.js'
import type { IndexRepository } from './index-repository.js'
import { StoreFiles } from './store-files.js'
import { StoreIdentity } from './store-identity.js'

export interface PersistStoreOptions {
  settings: PersistStoreSettings
  db: Knex
  index: IndexRepository
  clock: Clock
  log: Logger
  limits?: Partial<HelperLimits>
  /** Default: one of its own. */
  helper?: StoreHelper | undefined
  isConfigured(name: string): boolean
}

/** What a helper of a configured store is started with. */
export const helperTask = ({ Name, Path, PluginName, Plugin, Meta }: StoreEntrySettings) => ({
  name: Name,
  path: Path,
  plugin: PluginName || Plugin,
  meta: Meta ?? {},
})

type StoreEntrySettings = Pick<PersistStoreSettings, 'Name' | 'Path' | 'PluginName' | 'Plugin' | 'Meta'>

/** Starts the helpers of stores, by the names of these. What needs them meets processes that run already: that they start takes longest at a start. */
export function startedHelpers(
  stores: readonly PersistStoreSettings[],
  { clock, log }: Pick<PersistStoreOptions, 'clock' | 'log'>,
): ReadonlyMap<string, StoreHelper> {
  return new Map(
    stores.map(settings => {
      const helper = new StoreHelper({ task: helperTask(settings), log, clock })
      helper.start()
      return [settings.Name, helper]
    }),
  )
}

/** A configured persist store: its settings, its helper and its files. */
export class PersistStore {
  readonly helper: StoreHelper
  readonly identity: StoreIdentity
  readonly files: StoreFiles
  /** May be replaced while the manager runs, but for what says which store it is. */
  settings: PersistStoreSettings

  constructor(options: PersistStoreOptions) {
    const { settings, db, index, clock, log, limits, isConfigured } = options
    this.settings = settings
    this.helper =
      options.helper ?? new StoreHelper({ task: helperTask(settings), log, clock, ...(limits && { limits }) })
    this.identity = new StoreIdentity({
      name: settings.Name,
      helper: this.helper,
      db,
      index,
      clock,
      log,
      isConfigured,
    })
    this.files = new StoreFiles(this.helper, this.identity)
  }

  get name(): string {
    return this.settings.Name
  }

  /** The directory of its files; undefined when programs cannot open them by path. */
  get root(): string | undefined {
    const { PluginName, Plugin, Path } = this.settings
    return (PluginName || Plugin) === '' ? Path : undefined
  }

  basicInfo(readOnly = this.settings.ReadOnly): StoreBasicInfo {
    const { Name, Path, Strict, Weight, Meta } = this.settings
    return { Name, Path, Strict, ReadOnly: readOnly, Weight, Meta: Meta ?? null }
  }

  close(): void {
    this.helper.close()
  }
}
