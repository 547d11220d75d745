import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { errorText } from '../../rpc-schema/seal-error.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../kit/clock.js'
import type { Logger } from '../kit/log.js'
import { PostingMarks } from '../kit/processors/posting-marks.js'
import { steadyClock } from '../kit/steady-clock.js'
import { Alarms } from './alarms/alarms.js'
import { NumberAllocator } from './allocation/number-allocator.js'
import { Pledges } from './allocation/pledges.js'
import { SectorAllocation } from './allocation/sector-allocation.js'
import type { Rooms } from './api/rooms.js'
import { WriteRefusals } from './api/write-refusals.js'
import type { ChainNode } from './chain/chain-node.js'
import { HeadTracker } from './chain/head-tracker.js'
import { MinerFacts } from './chain/miner-facts.js'
import { Randomness } from './chain/randomness.js'
import type { Closing } from './closing.js'
import { nativeSealAggregator } from './commitment/aggregation/seal-aggregator.js'
import { BaseFeeWatch } from './commitment/base-fee-watch.js'
import { Committer } from './commitment/committer.js'
import { ExpiredSectors } from './commitment/expired-sectors.js'
import { Extender } from './commitment/extension/extender.js'
import { QueueRepository } from './commitment/queue-repository.js'
import { SealRandomness } from './commitment/seal-randomness.js'
import { nativeSealVerifier } from './commitment/seal-verifier.js'
import { SEALING_KINDS } from './commitment/sealing-effects.js'
import { sendersIn } from './commitment/senders.js'
import { openSending } from './commitment/sending.js'
import { Terminator } from './commitment/termination/terminator.js'
import type { ManagerSetup } from './config/load-settings.js'
import { ManagerMetrics } from './http/metrics.js'
import { unsettledMessages } from './http/unsettled-messages.js'
import type { ManagerOptions } from './manager-options.js'
import { OperatorMessageRepository } from './operator-messages/operator-message-repository.js'
import { OperatorMessages } from './operator-messages/operator-messages.js'
import { OutsideMessages } from './operator-messages/outside-messages.js'
import { connectMarket, connectMessager, connectProxy } from './outside-services.js'
import { beingProven } from './post/being-proven.js'
import { openForesight } from './post/foresight/open-foresight.js'
import { minerSetup, openPoster } from './post/open-poster.js'
import { PartitionClaims } from './post/partition-claims.js'
import { openWindowProver, provesWindowsHere } from './post/provers/open-window-prover.js'
import { WindowRecords } from './post/window-record.js'
import { nativeWindowVerifier } from './post/window-verifier.js'
import { openWinning, type WinningRoom } from './post/winning/open-winning.js'
import { RebuildQueue } from './rebuild/rebuild-queue.js'
import { SectorBook } from './sectors/sector-book.js'
import { SectorLife } from './sectors/sector-life.js'
import { SectorSearch } from './sectors/sector-search.js'
import { openSnapUp } from './snapup/open-snapup.js'
import { nativeUpdateVerifier } from './snapup/update-verifier.js'
import { GivingUp } from './stages/giving-up.js'
import { PostingWatch } from './stages/posting-watch.js'
import { StageDesk } from './stages/stage-desk.js'
import { StageView } from './stages/stage-view.js'
import type { StoreHelper } from './storage/helper/store-helper.js'
import { IndexRepository } from './storage/index-repository.js'
import { openStorage } from './storage/open-storage.js'
import { PieceStores } from './storage/piece-stores.js'
import { Takeovers } from './takeover/takeover.js'
import { marketEndpoint } from './unseal/market-sources.js'
import { UnsealDesk } from './unseal/unseal-desk.js'
import { UnsealQueue } from './unseal/unseal-queue.js'
import { WorkerRegistry } from './workers/worker-registry.js'

/** What the rooms are built from. */
export interface Building {
  setup: ManagerSetup
  db: Knex
  helpers: ReadonlyMap<string, StoreHelper>
  node: ChainNode
  clock: Clock
  log: Logger
  version: string
  options: ManagerOptions
  closing: Closing
}

export type OpenRooms = Omit<Rooms, 'settings'> & { readonly winning?: WinningRoom }

/** Builds all rooms and ties them to one another; those that run by themselves are started by who starts the manager. */
export function openRooms({ setup, db, helpers, node, clock, log, version, options, closing }: Building): OpenRooms {
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
    windowJobs: async () => (await provers.wdPostJobs?.count()) ?? [],
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
  const posting = new PostingWatch(new PostingMarks(log))
  const postingOn = () => (posting.busy ? hostname() : undefined)
  const stages = new StageDesk({ db, clock, log, allocation, postingOn })
  const kind = options.windowProofs ?? 'local'
  // When a window closes is not to depend on who sets the clock of this machine.
  const steady = steadyClock(clock)
  const windowRecords = new WindowRecords(db, clock)
  const claims = new PartitionClaims({ db, clock: steady, log, owner: `${hostname()}:${options.home.dir}` })
  const provers = openWindowProver({
    kind,
    db,
    places: storage.places,
    settings: common.Proving,
    beingProven: beingProven(claims, windowRecords),
    clock: steady,
    log,
    closing,
  })
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
      claims,
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
      watched: prover => posting.watchedWinning(prover),
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
    givingUp: new GivingUp({ desk: stages, book, life, node, messages: sending.messages, ...storage }),
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
