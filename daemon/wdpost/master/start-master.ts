import { setTimeout as delay } from 'node:timers/promises'
import { wdpostMigrations } from '../../../migrations/wdpost/index.js'
import type { WindowPoStOutput, WindowPoStTask } from '../../../rpc-schema/processor/post.js'
import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import { windowTaskService } from '../../../rpc-schema/wdpost/index.js'
import { type Clock, systemClock } from '../../kit/clock.js'
import { openDatabase } from '../../kit/database.js'
import { HttpServer, type ListenAddress } from '../../kit/http/http-server.js'
import type { Logger } from '../../kit/log.js'
import { bindService, Dispatcher } from '../../kit/rpc/dispatcher.js'
import { type Authenticate, RpcServer } from '../../kit/rpc/rpc-server.js'
import { runSweeps } from '../../kit/sweeps.js'
import { TaskRepository } from '../tasks/task-repository.js'
import type { MasterConfig } from './master-config.js'
import { MasterMetrics } from './master-metrics.js'
import { type Wait, WindowTasks } from './window-tasks.js'

export interface MasterOptions {
  readonly config: MasterConfig
  readonly version: string
  readonly log: Logger
  readonly clock?: Clock
}

export interface RunningMaster {
  /** `host:port` */
  readonly address: string
  prove(task: WindowPoStTask, wait: Wait): Promise<WindowPoStOutput>
  stop(): Promise<void>
}

export const RPC_PATH = '/rpc/v0'
/** The master before this one may still be about to end: its manager was killed. */
const LISTEN_TRIES = 12
const LISTEN_PAUSE_MS = 250
/** Looks for dead slaves within the time after which one is taken for dead. */
const LOOKS = 3

/** Opens the database, and listens for slaves. */
export async function startMaster({
  config,
  version,
  log,
  clock = systemClock,
}: MasterOptions): Promise<RunningMaster> {
  const { server, db: database, task } = config
  const pool = { min: database.min_connections, max: database.max_connections, idleMs: database.idle_timeout }
  const db = await openDatabase({ dsn: database.url, migrations: wdpostMigrations, pool })
  const repository = new TaskRepository(db, clock)
  const limits = { timeout: task.timeout, maxRetry: task.max_retry, heartbeatTimeout: task.heartbeat_timeout }
  const metrics = new MasterMetrics(version)
  const tasks = new WindowTasks({ tasks: repository, limits, clock, log, observer: metrics })
  const handlers = bindService(windowTaskService, {
    Claim: (slave, sizes) => tasks.claim(slave, sizes),
    Heartbeat: (slave, claims) => tasks.heartbeat(slave, claims),
    Complete: (slave, claim, output) => tasks.complete(slave, claim, output),
    Fail: (slave, claim, reason) => tasks.fail(slave, claim, reason),
    Release: (slave, claim) => tasks.release(slave, claim),
  })
  const authenticate = server.token === undefined ? undefined : onlyWith(server.token)
  const rpc = new RpcServer(new Dispatcher([handlers], { title: 'wdpost master', version, log }), {
    log,
    ...(authenticate && { authenticate }),
  })
  const http = new HttpServer(log).limitConnections(server.max_connections)
  rpc.mount(http, RPC_PATH)
  const sources = {
    tasks: () => repository.counts(),
    running: () => repository.runningOf(),
    wanted: () => tasks.wanted,
    silences: () => tasks.slaves.silences(),
  }
  http.route('/metrics', metrics.handler(sources))
  const stopping = new AbortController()
  let sweeps: Promise<void> = Promise.resolve()
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the master stops'))
    rpc.close()
    rpc.dropConnections()
    await Promise.all([http.close(), sweeps])
    await db.destroy()
  }
  try {
    const { host, port } = await listening(http, server.listen)
    sweeps = runSweeps(
      [
        { name: 'dead slaves', everyMs: task.heartbeat_timeout / LOOKS, run: () => tasks.expire() },
        { name: 'failed tasks', everyMs: task.retry_job_interval, run: () => tasks.retry() },
        {
          name: 'old tasks',
          everyMs: task.archive_job_interval,
          run: () => tasks.archive(task.should_archive, task.forget_archived),
        },
      ],
      clock,
      log,
      stopping.signal,
    )
    if (authenticate === undefined && !['127.0.0.1', '::1'].includes(host))
      log.warn({ host }, 'everyone who can reach this machine can take tasks and hand in proofs: see server.token')
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    log.info({ address }, 'master ready')
    const prove = (of: WindowPoStTask, { signal, onSign }: Wait): Promise<WindowPoStOutput> =>
      tasks.prove(of, { signal: AbortSignal.any([signal, stopping.signal]), ...(onSign && { onSign }) })
    return { address, prove, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const onlyWith =
  (token: string): Authenticate =>
  shown =>
    shown === token ? PERMISSIONS : null

async function listening(http: HttpServer, address: ListenAddress): Promise<ListenAddress> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await http.listen(address)
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as { code?: string }
      if (code !== 'EADDRINUSE' || attempt === LISTEN_TRIES) throw error
      await delay(LISTEN_PAUSE_MS)
    }
  }
}
