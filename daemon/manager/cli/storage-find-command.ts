import { Command } from 'commander'
import { managerMigrations } from '../../../migrations/manager/index.js'
import type { SectorAccessStores } from '../../../rpc-schema/manager/stores.js'
import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { openDatabase } from '../../kit/database.js'
import { databaseDsn } from '../config/database-dsn.js'
import type { ManagerHome } from '../config/home.js'
import { loadSettingsFile } from '../config/load-settings.js'
import { IndexRepository } from '../storage/index-repository.js'
import type { IndexKind } from '../storage/sector-index.js'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

interface Place {
  readonly stores: SectorAccessStores | undefined
  /** Names of stores that are configured. */
  readonly configured: readonly string[]
}

/** `util storage find`: asks the manager when it runs, else looks into its database. */
export function storageFindCommand(talk: Talk, homeOf: () => ManagerHome): Command {
  return new Command('find')
    .description('Find sector in the storage')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--upgrade', 'Find upgrade sectors', false)
    .option('--json', 'as JSON', false)
    .action(async (miner: number, number: number, options: { upgrade: boolean; json: boolean }) => {
      const sid = { Miner: miner, Number: number }
      const kind = options.upgrade ? 'upgrade' : 'normal'
      const { stores, configured } = await placeOf(sid, kind, talk, homeOf)
      const unknown = [...new Set(Object.values(stores ?? {}))].filter(name => !configured.includes(name))
      if (options.json)
        return say(JSON.stringify({ Found: stores !== undefined, Instance: stores ?? null, Unknown: unknown }))
      if (stores === undefined) return say(`sector ${sectorName(sid)} not found`)
      say(`sector ${sectorName(sid)} located, sealed file in "${stores.SealedFile}", cache dir in "${stores.CacheDir}"`)
      say(
        unknown.length === 0
          ? 'store instance exists'
          : `store instance not found: ${unknown.join(', ')} is not in the configuration`,
      )
    })
}

async function placeOf(sid: SectorID, kind: IndexKind, talk: Talk, homeOf: () => ManagerHome): Promise<Place> {
  let place: Place | undefined
  try {
    await talk(async manager => {
      const { Found, Instance } = await manager.SectorIndexerFind(kind, sid)
      const names = Found ? [Instance.SealedFile, Instance.CacheDir] : []
      const infos = await Promise.all(names.map(name => manager.StoreBasicInfo(name)))
      place = { stores: Found ? Instance : undefined, configured: infos.flatMap(info => (info ? [info.Name] : [])) }
    })
    return place!
  } catch (error) {
    if (!((error as Error).cause instanceof RpcTransportError)) throw error
    return placeInDatabase(sid, kind, homeOf())
  }
}

async function placeInDatabase(sid: SectorID, kind: IndexKind, home: ManagerHome): Promise<Place> {
  const { config } = loadSettingsFile(home.configFile)
  const db = await openDatabase({ dsn: databaseDsn(config, home), migrations: managerMigrations })
  try {
    const stores = await new IndexRepository(db).find(kind, sid)
    return { stores, configured: config.persistStores.map(({ Name }) => Name) }
  } finally {
    await db.destroy()
  }
}
