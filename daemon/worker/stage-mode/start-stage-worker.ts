import { randomBytes } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import { WarmProver } from '../../../plugins/stages/warm-prover.js'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { endpointHost, endpointUrl, parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import type { StageKind } from '../../../rpc-schema/stages/kinds.js'
import { stageWorkerService } from '../../../rpc-schema/worker/stage-worker.js'
import { type Clock, systemClock } from '../../kit/clock.js'
import { HttpServer, type ListenAddress } from '../../kit/http/http-server.js'
import type { Running } from '../../kit/lifecycle.js'
import type { Logger } from '../../kit/log.js'
import { PostingMarks } from '../../kit/processors/posting-marks.js'
import { bindService, Dispatcher } from '../../kit/rpc/dispatcher.js'
import { RpcServer } from '../../kit/rpc/rpc-server.js'
import { PIECE_TOKEN_ENV } from '../config/processors-config.js'
import { localAddressTowards } from '../local-address.js'
import { pieceCommitments } from '../piece-commitment.js'
import { createProcessors } from '../processors/processors.js'
import { updateVerification } from '../update-verification.js'
import { controlHandlers } from './control-api.js'
import { checkChildrenWithin } from './core-limit.js'
import { FILES_ROUTE, serveFiles } from './fetch/serve-files.js'
import { machineShare } from './machine-share.js'
import { StagePaths } from './stage-paths.js'
import { StageWorker } from './stage-worker.js'
import { startUnsealing, type Unsealing } from './unsealing.js'
import { lockWorkerHome, stageSettings, workerId, writeControlFile } from './worker-home.js'

export interface StageWorkerOptions {
  readonly home: string
  /** The home whose attached paths it works on; default: its own. */
  readonly pathsOf?: string
  readonly manager: { readonly address: string; readonly token?: string | undefined }
  readonly kinds: readonly StageKind[]
  /** Whether it reads pieces back from sectors on its stores. */
  readonly unseals: boolean
  readonly name?: string | undefined
  /** Default: this port, or any when another worker of the machine has it. */
  readonly listen?: ListenAddress | undefined
  readonly fetchLimit: number
  readonly tasksAtOnce: number
  /** Its processors are its share of the machine: children are not to be elsewhere. */
  readonly limitsCores?: boolean
  readonly version: string
  readonly log: Logger
  readonly clock?: Clock
  readonly env?: NodeJS.ProcessEnv
  readonly posting?: () => Promise<boolean>
  readonly stopGraceMs?: number
  readonly reportMs?: number
}

export interface RunningStageWorker extends Running {
  readonly worker: StageWorker
  /** Settles when the worker was told to stop by its API. */
  readonly ended: Promise<void>
}

export const STAGE_WORKER_LISTEN: ListenAddress = { host: '0.0.0.0', port: 3456 }
const STOP_GRACE_MS = 5_000
const API_PATH = '/rpc/v0'

/** Starts a stage worker inside this process. The manager need not be up. */
export async function startStageWorker(options: StageWorkerOptions): Promise<RunningStageWorker> {
  const { home, log, clock = systemClock, env = process.env, version } = options
  const settings = stageSettings(home)
  if (options.limitsCores) await checkChildrenWithin(settings.processors.children)
  const endpoint = parseEndpoint(options.manager.address, { path: API_PATH })
  const token = options.manager.token ?? endpoint.token
  const connection = connectRpc(options.manager.address, { path: API_PATH, ...(token !== undefined && { token }) })
  const share = await machineShare(env)
  const paths = new StagePaths(options.pathsOf ?? home, log, clock)
  const prover = new WarmProver()
  if (token !== undefined) env[PIECE_TOKEN_ENV] ??= token
  const marks = new PostingMarks(log)
  const processors = createProcessors(settings.processors, { log, clock, env, marks })
  const server = new HttpServer(log)
  const undo: (() => Promise<unknown>)[] = [() => connection.close(), () => prover.close(), () => processors.close()]
  const unwind = async (): Promise<void> => {
    for (const action of undo.toReversed()) await action()
  }
  try {
    // Given back last: until then this process may still be at the home's files.
    undo.unshift(await lockWorkerHome(home))
    await processors.ready()
    const fileToken = secret()
    const controlToken = secret()
    server.route(FILES_ROUTE, serveFiles(paths, fileToken))
    const listening = await listen(server, options.listen)
    undo.push(() => server.close())
    const reachable = isAny(listening.host) ? await ownAddress(endpointHost(endpoint)) : listening.host
    const environment = {
      manager: rpcClient(managerService, connection),
      managerOrigin: endpointUrl({ ...endpoint, path: '' }, 'http'),
      managerToken: token,
      localPiecesDirs: [],
      staticTreeD: settings.processors.staticTreeD,
      random: Math.random,
      pieceCommitment: pieceCommitments(prover),
      verifyUpdate: updateVerification(prover),
    }
    const worker = new StageWorker({
      identity: {
        ID: workerId(home),
        Boot: randomBytes(8).toString('hex'),
        Name: options.name ?? hostname(),
        Version: version,
        Machine: share.machine,
        SectorSizes: [...(settings.sealing.allowedSizes ?? [])],
        MemoryBytes: share.memoryBytes,
        Cores: share.cores,
        GPUs: [...share.gpus],
        FetchLimit: options.fetchLimit,
        TasksAtOnce: options.tasksAtOnce,
        Url: urlOf(reachable, listening.port),
        Token: fileToken,
      },
      kinds: options.kinds,
      home,
      manager: rpcClient(sealyardService, connection),
      environment,
      processors,
      paths,
      config: settings.sealing,
      clock,
      log,
      posting: options.posting ?? (() => marks.busy()),
      ...(options.reportMs !== undefined && { reportMs: options.reportMs }),
    })
    let end = (): void => {}
    const ended = new Promise<void>(resolve => {
      end = resolve
    })
    const handlers = controlHandlers({ worker, paths, manager: connection.url, stop: () => end() })
    const dispatcher = new Dispatcher([bindService(stageWorkerService, handlers)], {
      title: 'Stage worker',
      version,
      log,
    })
    const rpc = new RpcServer(dispatcher, { log, authenticate: given => (given === controlToken ? PERMISSIONS : null) })
    rpc.mount(server, API_PATH)
    undo.push(async () => rpc.close())
    writeControlFile(home, {
      url: urlOf(isAny(listening.host) ? '127.0.0.1' : listening.host, listening.port),
      token: controlToken,
    })
    worker.start()
    const graceMs = options.stopGraceMs ?? STOP_GRACE_MS
    let unsealing: Unsealing | undefined
    undo.push(() => Promise.all([worker.stop(graceMs), unsealing?.stop(graceMs)]))
    unsealing = options.unseals
      ? await startUnsealing({
          home,
          name: worker.identity.Name,
          paths,
          environment,
          processors,
          config: settings.sealing,
          clock,
          log,
        })
      : undefined
    log.info({ home, kinds: [...worker.kinds], share, address: worker.identity.Url }, 'stage worker started')
    return {
      address: worker.identity.Url,
      worker,
      ended,
      stop: unwind,
    }
  } catch (error) {
    await unwind()
    throw error
  }
}

/** Where others reach this machine: as the manager sees it, or, when that is on this very machine, by its first address. */
async function ownAddress({ host, port }: ListenAddress): Promise<string> {
  const towards = await localAddressTowards(host, port)
  if (towards !== null && !towards.startsWith('127.') && towards !== '::1') return towards
  const outward = Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')
  return outward?.address ?? '127.0.0.1'
}

const secret = (): string => randomBytes(24).toString('base64url')
const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::'
const urlOf = (host: string, port: number): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`

async function listen(server: HttpServer, given: ListenAddress | undefined): Promise<ListenAddress> {
  if (given !== undefined) return server.listen(given)
  return server.listen(STAGE_WORKER_LISTEN).catch(() => server.listen({ ...STAGE_WORKER_LISTEN, port: 0 }))
}
