import { gpuproxyMigrations } from '../../migrations/gpuproxy/index.js'
import { authenticator, type Revoked } from '../kit/access/authenticator.js'
import { type Clock, systemClock } from '../kit/clock.js'
import { openDatabase } from '../kit/database.js'
import { GroupCommit } from '../kit/group-commit.js'
import { HttpServer, type ListenAddress } from '../kit/http/http-server.js'
import type { Logger } from '../kit/log.js'
import type { RetryPolicy } from '../kit/queue/retry-policy.js'
import type { Tokens } from '../kit/rpc/tokens.js'
import { runSweeps } from '../kit/sweeps.js'
import { leaseApi } from './api/lease-api.js'
import { proofApi } from './api/proof-api.js'
import type { Rooms } from './api/rooms.js'
import { ProxyMetrics } from './http/metrics.js'
import { ProofServer } from './http/proof-server.js'
import { DbResources } from './resources/db-resources.js'
import { FsResources } from './resources/fs-resources.js'
import { noResource } from './resources/resource-store.js'
import { nativeProofCheck, type ProofCheck } from './tasks/proof-check.js'
import { Tasks } from './tasks/tasks.js'
import { type GpuProxyWorkerOptions, type RunningGpuProxyWorker, startWorkerOn } from './worker/start-worker.js'
import { WorkerRecords } from './workers/worker-record.js'
import { WorkerRegistry } from './workers/worker-registry.js'

export interface GpuProxyOptions {
  /** As {@link openDatabase} takes it. */
  dsn: string
  listen: ListenAddress
  /** A directory, or nothing for the database. */
  resourceDir: string | undefined
  log: Logger
  clock?: Clock
  /** Default: the native prover in a thread. */
  proofs?: ProofCheck
  retry?: RetryPolicy
  /** For workers that do not ask for a lease of their own, ms. */
  leaseMs?: number
  /** Finished tasks are moved away after this, documents of no task removed, ms. */
  keepMs?: number
  /** Calls without a token of these are refused; nothing: everyone may call everything, as with the original. */
  tokens?: Tokens | undefined
  /** A worker in this process, which calls the server like all others do. */
  worker?: OwnWorkerOptions | undefined
  /** Logs every SQL statement. */
  debugSql?: boolean
}

export type OwnWorkerOptions = Pick<GpuProxyWorkerOptions, 'maxTasks' | 'types' | 'processor' | 'maker' | 'pace'>

export interface RunningGpuProxy {
  /** `host:port` */
  readonly address: string
  stop(): Promise<void>
}

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 3, firstPauseMs: 10_000, longestPauseMs: 300_000 }
/** Workers of the original report every minute. */
export const DEFAULT_LEASE_MS = 5 * 60_000
export const DEFAULT_KEEP_MS = 7 * 24 * 3_600_000

/** A token that is not to be trusted any more is voided with the secret. */
const NOBODY: Revoked = { has: () => false }
/** Workers that were waiting for this server are heard of within this. */
const GRACE_MS = 2 * 60_000
const EXPIRE_EVERY_MS = 5_000
const TIDY_EVERY_MS = 600_000

/** Starts the service that hands C2 tasks from sealing machines to proving machines. */
export async function startGpuProxy(options: GpuProxyOptions): Promise<RunningGpuProxy> {
  const { log, clock = systemClock, leaseMs = DEFAULT_LEASE_MS, keepMs = DEFAULT_KEEP_MS } = options
  const db = await openDatabase({ dsn: options.dsn, migrations: gpuproxyMigrations })
  if (options.debugSql) db.on('query', ({ sql }: { sql: string }) => log.info({ sql }, 'statement'))
  const proofs = options.proofs ?? nativeProofCheck()
  const stopping = new AbortController()
  const http = new HttpServer(log)
  let server: ProofServer | undefined
  let worker: RunningGpuProxyWorker | undefined
  let sweeps: Promise<void> = Promise.resolve()
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('stopping'))
    // While the server still answers: it gives back what it has not finished.
    await worker?.stop()
    await http.close()
    await sweeps
    await server?.close()
    await proofs.close()
    await db.destroy()
  }
  try {
    const resources =
      options.resourceDir === undefined ? new DbResources(db, clock) : new FsResources(options.resourceDir)
    const commits = new GroupCommit(db)
    const records = new WorkerRecords(db, clock)
    const metrics = new ProxyMetrics({ tasks: () => tasks.count(), workers: () => records.list() })
    const tasks = new Tasks({
      db,
      commits,
      resources,
      proofs,
      workers: records,
      retry: options.retry ?? DEFAULT_RETRY,
      clock,
      log,
      onEvent: event => metrics.event(event),
    })
    const rooms: Rooms = { tasks, workers: new WorkerRegistry(db, commits, clock), records, leaseMs, log }
    server = new ProofServer({
      handlers: { ...proofApi(rooms), ...leaseApi(rooms) },
      resources,
      resource: async id => {
        const found = await resources.open(id)
        if (found === undefined) throw noResource(options.resourceDir === undefined ? id : `${resources.where}/${id}`)
        return found
      },
      log,
      ...(options.tokens && { authenticate: authenticator(options.tokens, true, NOBODY) }),
      onCall: (method, tookMs, ok) => metrics.request(method, tookMs, ok),
    })
    http.route('/', server.handle).route('/metrics', metrics.handler)
    // Leases that ended while this server was away say nothing about their owners; tasks that the original gave away have none at all.
    await tasks.grace(Math.min(leaseMs, GRACE_MS))
    const { host, port } = await http.listen(options.listen)
    const tidy = { archiveAfterMs: keepMs, orphanAfterMs: keepMs }
    sweeps = runSweeps(
      [
        { name: 'leases', everyMs: EXPIRE_EVERY_MS, run: () => tasks.expire() },
        { name: 'tidying up', everyMs: TIDY_EVERY_MS, run: () => tasks.tidy(tidy) },
      ],
      clock,
      log,
      stopping.signal,
    )
    log.info({ resources: resources.where }, `starting listening ${host}:${port}`)
    if (options.worker) {
      worker = await startWorkerOn(db, {
        url: `http://${ownHost(host)}:${port}`,
        resourceDir: options.resourceDir,
        ips: '127.0.0.1',
        token: options.tokens?.issue(['read', 'write'], 'the worker of this server'),
        log,
        clock,
        ...options.worker,
      })
    }
    return { address: `${bracketed(host)}:${port}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** How this process reaches what it listens on. */
const ownHost = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : bracketed(host))
