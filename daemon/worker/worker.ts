import { realpath } from 'node:fs/promises'
import type { StageProver } from '../../plugins/stages/stage-context.js'
import { WarmProver } from '../../plugins/stages/warm-prover.js'
import { managerService } from '../../rpc-schema/manager/index.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../rpc-schema/rpc/connection.js'
import { endpointHost, endpointUrl, parseEndpoint } from '../../rpc-schema/rpc/endpoint.js'
import { workerService } from '../../rpc-schema/worker/index.js'
import { type Clock, systemClock } from '../kit/clock.js'
import { ConfigError, problemText } from '../kit/config/config-error.js'
import { HttpServer } from '../kit/http/http-server.js'
import type { Running } from '../kit/lifecycle.js'
import type { Logger } from '../kit/log.js'
import { bindService, Dispatcher } from '../kit/rpc/dispatcher.js'
import { RpcServer } from '../kit/rpc/rpc-server.js'
import { pingUntil } from './api/ping.js'
import { workerHandlers } from './api/worker-api.js'
import type { HotConfig } from './config/hot-config.js'
import { PIECE_TOKEN_ENV } from './config/processors-config.js'
import type { WorkerConfig } from './config/worker-config.js'
import type { JobEnvironment } from './engine/job-plan.js'
import type { ManagerClient } from './engine/plan.js'
import { SealingThread } from './engine/sealing-thread.js'
import { localAddressTowards } from './local-address.js'
import { observedManager } from './metrics/manager-calls.js'
import { startMetrics } from './metrics/start-metrics.js'
import { measuredTransfers } from './metrics/transferred-bytes.js'
import { measuredReads } from './metrics/window-sectors.js'
import { WorkerMetrics } from './metrics/worker-metrics.js'
import { pieceCommitments } from './piece-commitment.js'
import { JOB_PLAN_TABLE, needsNoAttached, PLAN_TABLE } from './plans/registry.js'
import { createProcessors, type Processors } from './processors/processors.js'
import { AttachedStores } from './store/attached-store.js'
import { SealingStore } from './store/sealing-store.js'
import { storesKnownToManager } from './store-check.js'
import { updateVerification } from './update-verification.js'
import { ReaderProcesses, type WindowReads } from './wdpost/reading/window-reads.js'

export interface WorkerOptions {
  readonly config: WorkerConfig
  readonly log: Logger
  /** As answered by `WorkerVersion` and told in pings. */
  readonly version?: string
  readonly clock?: Clock
  /** Uniform in [0, 1). */
  readonly random?: () => number
  /** What processors inherit; WorkerSetEnv changes it. */
  readonly env?: NodeJS.ProcessEnv
  /** Default: as configured. */
  readonly processors?: Processors
  /** What the worker computes itself besides its stages. Default: the native prover, in threads of its own. */
  readonly prover?: StageProver & { close(): Promise<void> }
  /** How sectors are read for windows that are proven elsewhere. Default: natively, in processes. */
  readonly windowReads?: WindowReads
  /** Default: a client of the configured address. */
  readonly manager?: ManagerClient
  /** How long a stop waits for running stages. What is cut off is run again at the next start. */
  readonly stopGraceMs?: number
}

export interface RunningWorker extends Running {
  readonly name: string
  readonly threads: readonly SealingThread[]
  /** URL of the metrics, when they are served. */
  readonly metricsAddress: string | undefined
  readonly ended: Promise<void>
}

const STOP_GRACE_MS = 5_000
/** A native call inside this process cannot be ended; the process does not wait for it. */
const CLOSE_LIMIT_MS = 3_000

/** Starts a worker inside this process. The manager need not be up: threads begin as soon as it answers. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { config, log, clock = systemClock, env = process.env, version = 'v0-unknown', random = Math.random } = options
  const stores = await openAttached(config, log)
  const endpoint = parseEndpoint(config.manager.address)
  const { manager, connection } = connectManager(config, options.manager)
  if (config.manager.pieceToken !== undefined && (config.processors.children.add_pieces ?? []).length === 0) {
    env[PIECE_TOKEN_ENV] = config.manager.pieceToken
  }
  const { host, port } = endpointHost(endpoint)
  const localAddress = (await localAddressTowards(host, port)) ?? '127.0.0.1'
  const name = config.name ?? localAddress
  const metrics = new WorkerMetrics({ name, ip: localAddress, version })
  const prover = options.prover ?? new WarmProver()
  const environment: JobEnvironment = {
    manager: observedManager(manager, metrics, clock),
    managerOrigin: endpointUrl({ ...endpoint, path: '' }, 'http'),
    managerToken: endpoint.token ?? bearerIn(config.manager.headers),
    stores,
    localPiecesDirs: config.localPiecesDirs,
    staticTreeD: await readyTrees(config.processors.staticTreeD),
    random,
    pieceCommitment: pieceCommitments(prover),
    windowReads: measuredReads(options.windowReads ?? new ReaderProcesses(clock), (outcome, sectors) =>
      metrics.windowSectors(outcome, sectors),
    ),
    verifyUpdate: updateVerification(prover),
  }
  const processors = measuredTransfers(
    options.processors ?? createProcessors(config.processors, { log, clock, env, random, observer: metrics }),
    (bytes, store) => metrics.transferred(bytes, store),
  )
  const opened: SealingStore[] = []
  const undo: (() => Promise<void>)[] = [
    () => connection?.close() ?? Promise.resolve(),
    async () => void (await endsWithin(CLOSE_LIMIT_MS, prover.close())),
    async () => {
      if (await endsWithin(CLOSE_LIMIT_MS, processors.close())) await Promise.all(opened.map(store => store.close()))
      else log.warn('a stage is still running: its sealing store stays locked until this process ends')
    },
  ]
  const unwind = async (): Promise<void> => {
    for (const action of undo.reverse()) await action()
  }
  try {
    const threads = await openThreads({ config, log, clock, environment, processors, name }, opened)
    await processors.ready()
    const server = new HttpServer(log)
    const dispatcher = new Dispatcher([bindService(workerService, workerHandlers(threads, env, version))], {
      title: 'Sealing worker',
      version,
      log,
    })
    const rpc = new RpcServer(dispatcher, { log }).mount(server, '/', '/rpc/v0')
    const listening = await server.listen(config.rpc)
    undo.push(async () => {
      rpc.close()
      await server.close()
    })
    const stopping = new AbortController()
    undo.push(async () => stopping.abort())
    const metricsServer = await startMetrics(config.metrics, {
      metrics,
      threads,
      stores: stores.all,
      clock,
      log,
      signal: stopping.signal,
    })
    undo.push(async () => metricsServer?.close())
    const check = storesKnownToManager({ manager, stores, threads, clock, log, signal: stopping.signal })
    for (const thread of threads) thread.start(check.known)
    const identity = { Name: name, Dest: `${localAddress}:${listening.port}`, Version: version }
    const pings = pingUntil(stopping.signal, {
      manager,
      threads,
      identity,
      intervalMs: config.pingIntervalMs,
      clock,
      log,
    })
    const address = `http://${listening.host.includes(':') ? `[${listening.host}]` : listening.host}:${listening.port}`
    log.info(
      { address, metrics: metricsServer?.address, instance: name, threads: threads.length, stores: stores.names },
      'worker started',
    )
    return {
      address,
      name,
      threads,
      metricsAddress: metricsServer?.address,
      ended: check.refused,
      async stop() {
        stopping.abort()
        await Promise.all(threads.map(thread => thread.stop(options.stopGraceMs ?? STOP_GRACE_MS)))
        await pings
        await unwind()
      },
    }
  } catch (error) {
    await unwind()
    throw error
  }
}

function bearerIn(headers: Readonly<Record<string, string>>): string | undefined {
  const [, value = ''] = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization') ?? []
  return /^Bearer (.+)$/i.exec(value)?.[1]
}

function endsWithin(ms: number, work: Promise<void>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    setTimeout(() => resolve(false), ms).unref()
    work.then(() => resolve(true), reject)
  })
}

function connectManager(
  config: WorkerConfig,
  given: ManagerClient | undefined,
): { manager: ManagerClient; connection: Connection | undefined } {
  if (given !== undefined) return { manager: given, connection: undefined }
  const connection = connectRpc(config.manager.address, { headers: config.manager.headers })
  return { manager: rpcClient(managerService, connection), connection }
}

async function openAttached(config: WorkerConfig, log: Logger): Promise<AttachedStores> {
  const stores = await AttachedStores.open(config.attached, config.scanPersistStores, store =>
    log.info(`scanned persist store: ${store.name}, path: ${store.root}`),
  )
  if (stores.names.length === 0 && !needsNoAttached(config.threads)) {
    throw new Error(
      'no persist store is attached: add an [[attached]] entry, or worker.scan_persist_stores that find one',
    )
  }
  return stores
}

/** The configured trees under their canonical paths. */
async function readyTrees(trees: ReadonlyMap<number, string>): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  for (const [size, path] of trees) {
    const canonical = await realpath(path).catch((cause: unknown) => {
      throw new Error(`processors.static_tree_d: ${path} cannot be used`, { cause })
    })
    found.set(size, canonical)
  }
  return found
}

interface ThreadSetting {
  config: WorkerConfig
  log: Logger
  clock: Clock
  environment: JobEnvironment
  processors: Processors
  name: string
}

async function openThreads(setting: ThreadSetting, opened: SealingStore[]): Promise<SealingThread[]> {
  const { config, log, clock, environment, processors, name } = setting
  const threads: SealingThread[] = []
  for (const [index, { location, plan, sealing }] of config.threads.entries()) {
    const taken = location === undefined ? undefined : await realpath(location).catch(() => undefined)
    if (taken !== undefined && threads.some(thread => thread.location === taken)) {
      log.warn({ thread: index, location: taken }, 'store already loaded by another thread: this one is left out')
      continue
    }
    const store = location === undefined ? undefined : await SealingStore.open(location)
    if (store !== undefined) opened.push(store)
    const thread = new SealingThread({
      index,
      plan,
      config: sealing,
      store,
      plans: PLAN_TABLE,
      jobPlans: JOB_PLAN_TABLE,
      environment,
      processors,
      clock,
      log,
      instance: name,
    })
    if (thread.hot !== undefined) await loadHotConfig(thread.index, thread.hot, log)
    threads.push(thread)
  }
  return threads
}

/** A broken file is found out at the start, not at the first task. */
async function loadHotConfig(index: number, hot: HotConfig, log: Logger): Promise<void> {
  try {
    await hot.reload()
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new Error(`settings of thread #${index}`, { cause: error })
  }
  for (const warning of hot.settings.warnings) log.warn(problemText(hot.path, warning))
}
