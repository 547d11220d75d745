import { z } from 'zod'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { ActorId } from '../../../rpc-schema/wire/numbers.js'
import type { Logger } from '../../kit/log.js'
import { PersistStoreSettings } from '../config/manager-settings.js'
import { StoreHelper } from './helper/store-helper.js'

const list = z
  .array(ActorId)
  .nullish()
  .transform(ids => ids ?? [])

/** `sectorstore.json`: what a store says of itself. */
export const SectorStoreFile = z.object({
  ID: z.string().min(1),
  Name: z.string().default(''),
  Strict: z.boolean().default(false),
  ReadOnly: z.boolean().default(false),
  Weight: z.int().nonnegative().default(0),
  AllowMiners: list,
  DenyMiners: list,
  PluginName: z.string().default(''),
  Meta: z.record(z.string(), z.string()).nullish(),
  /** Of the generation of lotus-miner and venus-sealer: whether finished sectors are kept there. */
  CanStore: z.boolean().default(true),
})

const SCAN_LIMIT_MS = 30_000

/**
 * The persist stores that the patterns of `ScanPersistStores` find: directories with a sectorstore.json. One whose file cannot be read, or whose name
 * is taken, is left out with a word in the log, since a store too few costs less than a manager that does not start.
 */
export async function scanPersistStores(
  patterns: readonly string[],
  configured: readonly PersistStoreSettings[],
  log: Logger,
): Promise<PersistStoreSettings[]> {
  if (patterns.length === 0) return []
  const helper = new StoreHelper({ task: { name: 'ScanPersistStores', path: '/', plugin: '', meta: {} }, log })
  try {
    const found = await helper.request('scan', { patterns: [...patterns] }, { limitMs: SCAN_LIMIT_MS })
    const taken = new Set(configured.flatMap(({ Name, Path }) => [Name, Path]))
    return found.flatMap(({ path, text }) => {
      // Listed in the configuration as well: that entry counts.
      if (taken.has(path)) return []
      try {
        const settings = settingsOf(path, text)
        if (settings === undefined) {
          log.info(
            { path },
            `${path} is for sealing only (CanStore is false in its sectorstore.json): no persist store`,
          )
          return []
        }
        if (taken.has(settings.Name)) throw new Error(`there is another store named ${settings.Name}`)
        taken.add(settings.Name)
        log.info({ store: settings.Name, path }, 'persist store found')
        return [settings]
      } catch (error) {
        log.error({ err: error, path }, `${path}/sectorstore.json: store left out: ${errorText(error)}`)
        return []
      }
    })
  } catch (error) {
    log.error({ err: error, patterns }, `ScanPersistStores: no store found: ${errorText(error)}`)
    return []
  } finally {
    helper.close()
  }
}

function settingsOf(path: string, text: string): PersistStoreSettings | undefined {
  const { ID, Name, Meta, CanStore, ...rest } = SectorStoreFile.parse(JSON.parse(text))
  if (!CanStore) return undefined
  return PersistStoreSettings.parse({ ...rest, Name: Name || ID, Path: path, ...(Meta && { Meta }) })
}
