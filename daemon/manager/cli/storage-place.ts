import { managerMigrations } from '../../../migrations/manager/index.js'
import type { SectorAccessStores } from '../../../rpc-schema/manager/stores.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { openDatabase } from '../../kit/database.js'
import { databaseDsn } from '../config/database-dsn.js'
import type { ManagerHome } from '../config/home.js'
import { loadSettingsFile } from '../config/load-settings.js'
import { IndexRepository } from '../storage/index-repository.js'
import type { IndexKind } from '../storage/sector-index.js'

/** Where a sector is by the index. */
export interface Place {
  readonly stores: SectorAccessStores | undefined
  /** Names of stores that are configured. */
  readonly configured: readonly string[]
}

export async function placeInDatabase(sid: SectorID, kind: IndexKind, home: ManagerHome): Promise<Place> {
  const { config } = loadSettingsFile(home.configFile)
  const db = await openDatabase({ dsn: databaseDsn(config, home), migrations: managerMigrations })
  try {
    const stores = await new IndexRepository(db).find(kind, sid)
    return { stores, configured: config.persistStores.map(({ Name }) => Name) }
  } finally {
    await db.destroy()
  }
}
