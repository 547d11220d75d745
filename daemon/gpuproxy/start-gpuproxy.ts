import { gpuproxyMigrations } from '../../migrations/gpuproxy/index.js'
import { type Clock, systemClock } from '../kit/clock.js'
import { openDatabase } from '../kit/database.js'
import { GroupCommit } from '../kit/group-commit.js'
import { HttpServer, type ListenAddress } from '../kit/http/http-server.js'
import type { Logger } from '../kit/log.js'
import type { RetryPolicy } from '../kit/queue/retry-policy.js'
import type { Authenticate } from '../kit/rpc/rpc-server.js'
import { leaseApi } from './api/lease-api.js'
import { proofApi } from './api/proof-api.js'
import type { Rooms } from './api/rooms.js'
import { ProxyMetrics } from './http/metrics.js'
import { ProofServer } from './http/proof-server.js'
import { DbResources } from './resources/db-resources.js'
import { FsResources } from './resources/fs-resources.js'
import { noResource } from './resources/resource-store.js'
import { runSweeps } from './sweeps.js'
import { nativeProofCheck, type ProofCheck } from './tasks/proof-check.js'
import { Tasks } from './tasks/tasks.js'
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
  authenticate?: Authenticate
}

export interface RunningGpuProxy {
  /** `host:port` */
  readonly address: string
  stop(): Promise<void>
}

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 3, firstPauseMs: 10_000, longestPauseMs: 300_000 }
/** Workers of the original report every minute. */
export const DEFAULT_LEASE_MS = 5 * 60_000
export const DEFAULT_KEEP_MS = 7 * 24 * 3_600_000

const EXPIRE_EVERY_MS = 5_000
const TIDY_EVERY_MS = 600_000

/** Starts the service that hands C2 tasks from sealing machines to proving machines. */
export async function startGpuProxy(options: GpuProxyOptions): Promise<RunningGpuProxy> {
  const { log, clock = systemClock, leaseMs = DEFAULT_LEASE_MS, keepMs = DEFAULT_KEEP_MS } = options
  const db = await openDatabase({ dsn: options.dsn, migrations: gpuproxyMigrations })
  const proofs = options.proofs ?? nativeProofCheck()
  const stopping = new AbortController()
  const http = new HttpServer(log)
  let server: ProofServer | undefined
  let sweeps: Promise<void> = Promise.resolve()
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('stopping'))
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
      resource: async id => {
        const found = await resources.open(id)
        if (found === undefined) throw noResource(options.resourceDir === undefined ? id : `${resources.where}/${id}`)
        return found
      },
      log,
      ...(options.authenticate && { authenticate: options.authenticate }),
      onCall: (method, tookMs, ok) => metrics.request(method, tookMs, ok),
    })
    http.route('/', server.handle).route('/metrics', metrics.handler)
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
    return { address: `${host.includes(':') ? `[${host}]` : host}:${port}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
