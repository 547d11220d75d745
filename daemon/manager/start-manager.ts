import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { managerMigrations } from '../../migrations/manager/index.js'
import { managerService } from '../../rpc-schema/manager/index.js'
import type { ReloadResult } from '../../rpc-schema/manager/operations.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../rpc-schema/rpc/connection.js'
import { errorText } from '../../rpc-schema/seal-error.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { authenticator } from '../kit/access/authenticator.js'
import { type Clock, systemClock } from '../kit/clock.js'
import { problemText } from '../kit/config/config-error.js'
import { withoutTokens } from '../kit/config/hidden.js'
import { openDatabase } from '../kit/database.js'
import { HttpServer, type ListenAddress } from '../kit/http/http-server.js'
import type { Logger } from '../kit/log.js'
import { Dispatcher, GO_DIALECT } from '../kit/rpc/dispatcher.js'
import { type Authenticate, RpcServer } from '../kit/rpc/rpc-server.js'
import { steadyClock } from '../kit/steady-clock.js'
import { guarded } from './access/access-control.js'
import { RevokedTokens } from './access/token-ledger.js'
import { tokensOf } from './access/token-secret.js'
import { Alarms } from './alarms/alarms.js'
import { DealMarket } from './allocation/market.js'
import { NumberAllocator } from './allocation/number-allocator.js'
import { Pledges } from './allocation/pledges.js'
import { SectorAllocation } from './allocation/sector-allocation.js'
import { bindManagerApi } from './api/manager-api.js'
import { API_TITLE } from './api/openrpc.js'
import type { Rooms } from './api/rooms.js'
import { WriteRefusals } from './api/write-refusals.js'
import { admitRestored } from './backup/after-restore.js'
import { ChainNode } from './chain/chain-node.js'
import { HeadTracker } from './chain/head-tracker.js'
import { MinerFacts } from './chain/miner-facts.js'
import { Randomness } from './chain/randomness.js'
import { connectService, httpOrigin, serviceAddresses } from './chain/services.js'
import { nativeSealAggregator, type SealAggregator } from './commitment/aggregation/seal-aggregator.js'
import { BaseFeeWatch } from './commitment/base-fee-watch.js'
import { Committer } from './commitment/committer.js'
import { ExpiredSectors } from './commitment/expired-sectors.js'
import { Extender } from './commitment/extension/extender.js'
import { QueueRepository } from './commitment/queue-repository.js'
import { SealRandomness } from './commitment/seal-randomness.js'
import { nativeSealVerifier, type SealVerifier } from './commitment/seal-verifier.js'
import { SEALING_KINDS } from './commitment/sealing-effects.js'
import { sendersIn } from './commitment/senders.js'
import { openSending } from './commitment/sending.js'
import { Terminator } from './commitment/termination/terminator.js'
import { withDeadline } from './concurrency/deadline.js'
import { databaseDsn } from './config/database-dsn.js'
import type { ManagerHome } from './config/home.js'
import { LiveSettings } from './config/live-settings.js'
import { loadSettingsFile, type ManagerSetup } from './config/load-settings.js'
import { lockHome } from './home-lock.js'
import { healthHandler } from './http/health.js'
import { ManagerMetrics } from './http/metrics.js'
import { PIECE_STORE_PATH, pieceStoreHandler } from './http/piece-store.js'
import { unsettledMessages } from './http/unsettled-messages.js'
import { OperatorMessageRepository } from './operator-messages/operator-message-repository.js'
import { OperatorMessages } from './operator-messages/operator-messages.js'
import { OutsideMessages } from './operator-messages/outside-messages.js'
import { openForesight } from './post/foresight/open-foresight.js'
import { minerSetup, openPoster } from './post/open-poster.js'
import type { TrialReads } from './post/provers/local/trial-reads.js'
import { openWindowProver, provesWindowsHere, type WindowProofs } from './post/provers/open-window-prover.js'
import type { WindowProver } from './post/window-prover.js'
import { WindowRecords } from './post/window-record.js'
import { nativeWindowVerifier, type WindowVerifier } from './post/window-verifier.js'
import { openWinning, type WinningRoom } from './post/winning/open-winning.js'
import type { WinningProver } from './post/winning/winning-prover.js'
import type { WinningVerifier } from './post/winning/winning-verifier.js'
import { RebuildQueue } from './rebuild/rebuild-queue.js'
import { SectorBook } from './sectors/sector-book.js'
import { SectorLife } from './sectors/sector-life.js'
import { SectorSearch } from './sectors/sector-search.js'
import { openSnapUp } from './snapup/open-snapup.js'
import { nativeUpdateVerifier, type UpdateVerifier } from './snapup/update-verifier.js'
import { PostingWatch } from './stages/posting-watch.js'
import { StageDesk } from './stages/stage-desk.js'
import { StageView } from './stages/stage-view.js'
import type { StoreHelper } from './storage/helper/store-helper.js'
import { IndexRepository } from './storage/index-repository.js'
import { openStorage } from './storage/open-storage.js'
import { startedHelpers } from './storage/persist-store.js'
import { PieceStores } from './storage/piece-stores.js'
import { ProxiedIndex } from './storage/proxied-index.js'
import { scanPersistStores } from './storage/scan-stores.js'
import type { SectorIndex } from './storage/sector-index.js'
import { Takeovers } from './takeover/takeover.js'
import { marketEndpoint, marketEvents } from './unseal/market-sources.js'
import { UnsealDesk } from './unseal/unseal-desk.js'
import { UnsealQueue } from './unseal/unseal-queue.js'
import { WorkerRegistry } from './workers/worker-registry.js'

export interface ManagerOptions {
  home: ManagerHome
  listen: ListenAddress
  version: string
  log: Logger
  clock?: Clock
  /** Another manager whose sector index is read instead of ours. */
  proxy?: { address: string; token?: string }
  /** Default: the native prover in a thread. */
  verifier?: SealVerifier
  /** For the proofs of upgrades; the default is the same. */
  updateVerifier?: UpdateVerifier
  /** Default: the native prover in another thread. */
  aggregator?: SealAggregator
  /** Who makes window proofs; default: this machine. */
  windowProofs?: WindowProofs
  /** Prove won blocks to the block producers behind the gateways: with `--miner`. */
  winning?: { prover?: WinningProver; verifier?: WinningVerifier; warmUp: boolean; limitMs?: number }
  /** Prove the windows of the miners: with `--poster`. */
  poster?: {
    prover?: WindowProver
    verifier?: WindowVerifier
    /** How sectors are read in rehearsals; default: natively, and with a prover of one's own not at all. */
    trialReads?: TrialReads
  }
}

export interface RunningManager {
  /** `host:port` */
  readonly address: string
  /** Ends everything within a bounded time; what is not done yet is gone on with after the next start. */
  stop(): Promise<void>
  /** Takes over what has changed in the configuration, as far as that is possible while it runs. */
  reload(): ReloadResult
}

const RPC_PATH = '/rpc/v0'
const STOP_LIMIT_MS = 10_000

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
  const closing: (() => unknown)[] = []
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
    await rooms.stages.start()
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

interface Building {
  setup: ManagerSetup
  db: Knex
  helpers: ReadonlyMap<string, StoreHelper>
  node: ChainNode
  clock: Clock
  log: Logger
  version: string
  options: ManagerOptions
  closing: (() => unknown)[]
}

type OpenRooms = Omit<Rooms, 'settings'> & { readonly winning?: WinningRoom }

function openRooms({ setup, db, helpers, node, clock, log, version, options, closing }: Building): OpenRooms {
  const { miners, common } = setup
  const heads = new HeadTracker({ node, clock, log, maxPollMs: common.API.ChainEventInterval })
  heads.start()
  closing.push(() => heads.stop())
  const facts = new MinerFacts(node, heads, log)
  const randomness = new Randomness(node, heads)
  const book = new SectorBook(db, clock)
  const index = new IndexRepository(db)
  const foreignIndex = options.proxy === undefined ? undefined : connectProxy(options.proxy, closing)
  const alarms = new Alarms(clock)
  const storage = openStorage({
    setup,
    db,
    helpers,
    index,
    foreignIndex,
    book,
    node,
    heads,
    facts,
    alarms,
    scrubbed: is => metrics.scrubbed(is),
    clock,
    log,
    closing,
  })
  const workers = new WorkerRegistry(db, clock, log)
  closing.push(() => workers.close())
  const pledges = new Pledges(db, clock)
  const numbers = new NumberAllocator({ db, clock, book, pledges, stored: index })
  const market = connectMarket(setup, log, closing)
  const verifier = options.verifier ?? nativeSealVerifier()
  const updateVerifier = options.updateVerifier ?? nativeUpdateVerifier()
  const aggregator = options.aggregator ?? nativeSealAggregator()
  closing.push(() => Promise.all([verifier.close(), updateVerifier.close(), aggregator.close()]))
  const writeRefusals = new WriteRefusals()
  writeRefusals.watch(db)
  const metrics = new ManagerMetrics(version, {
    sectors: () => book.count(),
    workers: () => workers.list(),
    headHeight: () => heads.last?.Height,
    messages: () => unsettledMessages(db),
    alarms: () => alarms.list(),
    stores: () => storage.stores.list(),
    storeNames: () => storage.stores.names,
    databaseUp: async () =>
      writeRefusals.problem === undefined &&
      (await db.raw('SELECT 1').then(
        () => true,
        () => false,
      )),
    now: () => clock.now(),
  })
  const search = new SectorSearch(db)
  closing.push(() => metrics.close())
  const queue = new QueueRepository(db)
  const baseFees = new BaseFeeWatch(node)
  const messager = connectMessager(setup, closing)
  const reserved = (miner: number) => sendersIn(miners.get(miner)?.PoSt)
  const fallback = (miner: number) => miners.get(miner)?.Fallback
  const sending = openSending({ db, node, messager, heads, facts, reserved, fallback, alarms, clock, log })
  const committer = new Committer({
    miners,
    book,
    node,
    sending,
    queue,
    baseFees,
    heads,
    facts,
    randomness,
    verifier,
    aggregator,
    clock,
    log,
    onLanded: message => metrics.messageLanded(message),
  })
  const snapUp = openSnapUp({
    miners,
    db,
    book,
    files: storage.files,
    stores: storage.stores,
    node,
    facts,
    heads,
    market,
    sending,
    verifier: updateVerifier,
    clock,
    log,
    onLanded: message => metrics.messageLanded(message),
  })
  const rebuilds = new RebuildQueue({ miners, db, book, node, heads, workers, clock, log })
  const unseals = new UnsealQueue({ miners, db, book, files: storage.files, workers, clock, log })
  const pieces = new PieceStores({ stores: setup.pieceStores, db, clock, log })
  closing.push(() => pieces.close())
  const life = new SectorLife(book, {
    releaseDeals: async record => market?.release(record),
    forget: (sid, trx) => queue.removeAll(sid, SEALING_KINDS, trx),
    releaseSpace: async sid => {
      await storage.stores
        .release(sid)
        .catch((error: unknown) =>
          log.error({ err: error, sector: sectorName(sid) }, `reserved space not released: ${errorText(error)}`),
        )
    },
    heard: async ({ ID, NeedRebuild }, worker) => (NeedRebuild ? rebuilds : unseals).heard(ID, worker),
    rebuildEnds: async (sid, reason, trx) => (await rebuilds.end(sid, reason, trx)) === 'again',
    unsealEnds: (sid, reason, trx) => unseals.end(sid, reason, trx),
    stopUpgrade: sid => snapUp.jobs.stopSending(sid),
    dropUpgrade: (sid, trx) => snapUp.jobs.drop(sid, trx),
  })
  const allocation = new SectorAllocation({ miners, book, numbers, node, heads, facts, market, log })
  const posting = new PostingWatch()
  const postingOn = () => (posting.busy ? hostname() : undefined)
  const stages = new StageDesk({ db, clock, log, allocation, postingOn })
  const kind = options.windowProofs ?? 'local'
  // When a window closes is not to depend on who sets the clock of this machine.
  const steady = steadyClock(clock)
  const provers = openWindowProver({
    kind,
    db,
    places: storage.places,
    settings: common.Proving,
    clock: steady,
    log,
    closing,
  })
  const windowRecords = new WindowRecords(db, clock)
  const foresightRoom = openForesight({
    db,
    node,
    heads,
    facts,
    places: storage.places,
    reads:
      options.poster === undefined
        ? 'none'
        : (options.poster.trialReads ?? (options.poster.prover ? 'none' : 'native')),
    alarms,
    limits: common.Proving,
    settings: miner => minerSetup(miners, miner).PoSt,
    rehearsed: record => metrics.rehearsed(record),
    clock: steady,
    log,
    closing,
  })
  const poster = options.poster && openThePoster(options.poster)
  function openThePoster(given: NonNullable<ManagerOptions['poster']>) {
    const { prover = provers.windowProver } = given
    const isHere = given.prover !== undefined || provesWindowsHere(kind)
    const windowVerifier = given.verifier ?? nativeWindowVerifier()
    closing.push(() => windowVerifier.close())
    return openPoster({
      miners,
      db,
      owner: `${hostname()}:${options.home.dir}`,
      node,
      heads,
      facts,
      randomness,
      provable: storage.provable,
      prover: isHere ? posting.watched(prover) : prover,
      verifier: windowVerifier,
      sending,
      records: windowRecords,
      clock: steady,
      log,
      observer: metrics.windows,
      foresight: foresightRoom.foresight,
    })
  }
  const winning =
    options.winning &&
    openWinning({
      ...options.winning,
      miners,
      api: common.API,
      node,
      facts,
      places: storage.places,
      ...(typeof kind === 'object' && { processes: kind.WinPost }),
      provesWindows: options.poster !== undefined && options.poster.prover === undefined && provesWindowsHere(kind),
      observer: metrics.winning,
      clock,
      log,
    })
  return {
    miners,
    book,
    life,
    ...(winning && { winning }),
    ...provers,
    windowRecords,
    ...foresightRoom,
    ...(poster && { poster }),
    sending,
    alarms,
    search,
    expired: new ExpiredSectors(node, heads, search),
    operatorMessages: new OperatorMessages({
      node,
      heads,
      sending,
      repository: new OperatorMessageRepository(db),
      outside: new OutsideMessages(node, messager),
      clock,
    }),
    committer,
    extender: new Extender({ miners, book, node, sending, heads, facts, log }),
    terminator: new Terminator({ miners, book, node, sending, queue, heads, facts, baseFees, clock, log }),
    allocation,
    stages,
    stageView: new StageView(stages),
    numbers,
    storedNumbers: index,
    pledges,
    takeovers: new Takeovers({ db, clock, book, index }),
    sealRandomness: new SealRandomness({ book, node, heads, randomness }),
    randomness,
    facts,
    ...storage,
    pieces,
    snapUp,
    rebuilds,
    unseals,
    unsealDesk: new UnsealDesk({ queue: unseals, pieces, market: marketEndpoint(setup.common.API) }),
    workers,
    metrics,
    writeRefusals,
    version,
  }
}

function connectProxy(proxy: NonNullable<ManagerOptions['proxy']>, closing: Building['closing']): SectorIndex {
  const { address, token } = proxy
  const connection = connectRpc(address, { path: RPC_PATH, ...(token !== undefined && { token }) })
  closing.push(() => connection.close())
  return new ProxiedIndex(rpcClient(managerService, connection), address)
}

function connectMessager(setup: ManagerSetup, closing: Building['closing']): Connection | undefined {
  const [address] = serviceAddresses('messager', setup.common.API)
  if (address === undefined) return undefined
  const connection = connectService('messager', address, setup.common.API.Token)
  closing.push(() => connection.close())
  return connection
}

function connectMarket(setup: ManagerSetup, log: Logger, closing: Building['closing']): DealMarket | undefined {
  const [address] = serviceAddresses('market', setup.common.API)
  if (address === undefined) return undefined
  const connection = connectService('market', address, setup.common.API.Token)
  closing.push(() => connection.close())
  return new DealMarket(connection, log)
}

interface Serving extends Pick<Building, 'setup' | 'db' | 'node' | 'log' | 'closing'> {
  rooms: Rooms
  authenticate: Authenticate
}

function serve({ rooms, setup, db, node, authenticate, log, closing }: Serving): HttpServer {
  const http = new HttpServer(log)
  const dispatcher = new Dispatcher(bindManagerApi(rooms), {
    title: API_TITLE,
    version: rooms.version,
    log,
    dialect: GO_DIALECT,
  })
  const rpc = new RpcServer(dispatcher, { log, authenticate, maxBodyBytes: 100 * 1024 * 1024 }).mount(http, RPC_PATH)
  closing.push(() => {
    rpc.close()
    return http.close()
  })
  http.route(
    '/healthcheck',
    healthHandler({
      database: () => db.raw('SELECT 1'),
      writeProblem: () => rooms.writeRefusals.problem,
      nodeUrl: withoutTokens(node.url),
      head: async () => {
        const { Height, Blocks } = await node.api.ChainHead()
        return { height: Height, timestamp: Blocks[0]?.Timestamp ?? 0 }
      },
      storeNames: () => rooms.stores.names,
      stores: () => rooms.stores.list(),
    }),
  )
  http.route('/metrics', rooms.metrics.handler)
  const [market] = serviceAddresses('market', setup.common.API)
  if (market !== undefined || setup.pieceStores.length > 0) {
    const origin = market === undefined ? undefined : httpOrigin(market)
    const handler = pieceStoreHandler(rooms.pieces, origin, log)
    // Workers of damocles fetch pieces without a token.
    http.route(
      PIECE_STORE_PATH,
      guarded(handler, authenticate, request => request.method === 'PUT'),
    )
  }
  return http
}

function warnWhenOpen(host: string, log: Logger): void {
  if (host === '127.0.0.1' || host === '::1') return
  log.warn(
    { host },
    'the API is open to everyone who can reach this machine: set Common.Access.RequireToken, or listen on 127.0.0.1',
  )
}

/** In the reverse order of the start; one that fails or hangs does not keep the others. */
async function stopAll(closing: readonly (() => unknown)[], log: Logger): Promise<void> {
  const everything = (async (): Promise<void> => {
    for (const close of closing.toReversed()) {
      try {
        await close()
      } catch (error) {
        log.warn({ err: error }, `while stopping: ${errorText(error)}`)
      }
    }
  })()
  await withDeadline('stopping the manager', STOP_LIMIT_MS, everything).catch((error: unknown) =>
    log.warn({ err: error }, errorText(error)),
  )
}
