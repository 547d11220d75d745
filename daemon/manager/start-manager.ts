import { managerMigrations } from '../../migrations/manager/index.js'
import type { ReloadResult } from '../../rpc-schema/manager/operations.js'
import { authenticator } from '../kit/access/authenticator.js'
import { systemClock } from '../kit/clock.js'
import { problemText } from '../kit/config/config-error.js'
import { openDatabase } from '../kit/database.js'
import type { Logger } from '../kit/log.js'
import { RevokedTokens } from './access/token-ledger.js'
import { tokensOf } from './access/token-secret.js'
import { admitRestored } from './backup/after-restore.js'
import { ChainNode } from './chain/chain-node.js'
import { serviceAddresses } from './chain/services.js'
import { type Closing, stopAll } from './closing.js'
import { databaseDsn } from './config/database-dsn.js'
import { LiveSettings } from './config/live-settings.js'
import { loadSettingsFile } from './config/load-settings.js'
import { lockHome } from './home-lock.js'
import type { ManagerOptions } from './manager-options.js'
import { openRooms } from './open-rooms.js'
import { serve } from './serve-manager.js'
import { startedHelpers } from './storage/persist-store.js'
import { scanPersistStores } from './storage/scan-stores.js'
import { marketEvents } from './unseal/market-sources.js'

export interface RunningManager {
  /** `host:port` */
  readonly address: string
  /** Ends everything within a bounded time; what is not done yet is gone on with after the next start. */
  stop(): Promise<void>
  /** Takes over what has changed in the configuration, as far as that is possible while it runs. */
  reload(): ReloadResult
}

/** Starts a manager on the files of its home. */
export async function startManager(options: ManagerOptions): Promise<RunningManager> {
  const { home, log, clock = systemClock, version } = options
  const { config, warnings } = loadSettingsFile(home.configFile)
  for (const warning of warnings) log.warn(problemText(home.configFile, warning))
  const scanned = await scanPersistStores(config.common.ScanPersistStores, config.persistStores, log)
  const setup = { ...config, persistStores: [...config.persistStores, ...scanned] }
  const chainAddresses = serviceAddresses('chain', setup.common.API)
  if (chainAddresses.length === 0)
    throw new Error(`${home.configFile}: Common.API.Chain: expected the address of the chain node, found nothing`)
  const closing: Closing = []
  const stop = (): Promise<void> => stopAll(closing, log)
  try {
    const helpers = startedHelpers(setup.persistStores, { clock, log })
    closing.push(() => {
      for (const helper of helpers.values()) helper.close()
    })
    closing.push(await lockHome(home.dir))
    const db = await openDatabase({ dsn: databaseDsn(setup, home), migrations: managerMigrations })
    closing.push(() => db.destroy())
    const node = ChainNode.connect(chainAddresses, { token: setup.common.API.Token, clock, log })
    closing.push(() => node.close())
    await admitRestored({ homeDir: home.dir, db, api: node.api, miners: setup.miners.keys(), log })
    const rooms = openRooms({ setup, db, helpers, node, clock, log, version, options, closing })
    const settings = new LiveSettings(config, {
      file: home.configFile,
      read: () => loadSettingsFile(home.configFile),
      log,
      applied: ({ persistStores }) => rooms.stores.configure(persistStores),
      reloaded: done => rooms.metrics.reloaded(done),
    })
    closing.push(() => rooms.sending.desk.stop())
    closing.push(() => Promise.all([rooms.committer.stop(), rooms.terminator.stop(), rooms.snapUp.stop()]))
    await rooms.stores.check()
    await rooms.sending.desk.start()
    await rooms.committer.start()
    rooms.terminator.start()
    await rooms.snapUp.start()
    await rooms.rebuilds.start()
    await rooms.unseals.start()
    rooms.scrub.start()
    closing.push(() => rooms.stages.stop())
    rooms.stages.start()
    await rooms.startProvers?.()
    const { poster } = rooms
    if (poster !== undefined) closing.push(() => poster.stop())
    await poster?.start()
    const events = marketEvents(rooms, setup.common.API, clock, log)
    closing.push(() => events.stop())
    events.start()
    const revoked = await RevokedTokens.open(home.dir, log)
    closing.push(() => revoked.close())
    const authenticate = authenticator(tokensOf(home.dir), setup.common.Access.RequireToken, revoked)
    const http = serve({ rooms: { ...rooms, settings }, db, node, setup, authenticate, log, closing })
    const { host, port } = await http.listen(options.listen)
    if (!setup.common.Access.RequireToken) warnWhenOpen(host, log)
    // Its warm-up takes minutes on slow disks: workers are to get the jobs of the windows meanwhile.
    const { winning } = rooms
    if (winning !== undefined) closing.push(() => winning.stop())
    await winning?.start()
    log.info({ chain: node.url, miners: [...setup.miners.keys()], home: home.dir }, 'manager started')
    return { address: `${host.includes(':') ? `[${host}]` : host}:${port}`, stop, reload: () => settings.reload() }
  } catch (error) {
    await stop()
    throw error
  }
}

function warnWhenOpen(host: string, log: Logger): void {
  if (host === '127.0.0.1' || host === '::1') return
  log.warn(
    { host },
    'the API is open to everyone who can reach this machine: set Common.Access.RequireToken, or listen on 127.0.0.1',
  )
}
