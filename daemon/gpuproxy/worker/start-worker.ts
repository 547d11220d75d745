import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { gpuproxyMigrations } from '../../../migrations/gpuproxy/index.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { type Clock, systemClock } from '../../kit/clock.js'
import { openDatabase } from '../../kit/database.js'
import type { Logger } from '../../kit/log.js'
import { isResourceId, noResource } from '../resources/resource-store.js'
import { c2Child } from './c2-child.js'
import { type C2Maker, nativeC2Maker } from './c2-maker.js'
import { Outbox } from './outbox.js'
import { PACE, type Pace, startProofWorker } from './proof-worker.js'
import { taskSource } from './task-source.js'
import { workerIdentity } from './worker-identity.js'

export interface GpuProxyWorkerOptions {
  /** Of the server. */
  url: string
  token?: string | undefined
  maxTasks: number
  types: readonly 0[] | null
  /** A directory that is shared with the server; without one the server is asked for documents. */
  resourceDir: string | undefined
  /** A program that does C2 in place of the native prover. */
  processor?: { bin: string; args: readonly string[] } | undefined
  ips?: string | undefined
  log: Logger
  clock?: Clock
  maker?: C2Maker
  leaseMs?: number
  pace?: Partial<Pace>
}

export interface StandaloneWorkerOptions extends GpuProxyWorkerOptions {
  /** Where the worker's id and its undelivered results are kept. */
  dsn: string
}

export interface RunningGpuProxyWorker {
  readonly workerId: string
  stop(): Promise<void>
}

const LEASE_MS = 90_000
/** Signs of life within a lease: some may be lost on their way. */
const REPORTS_IN_LEASE = 4
/** A document of tens of megabytes takes its time. */
const CALL_TIMEOUT_MS = 300_000

/** Starts a worker that proves for a gpuproxy; it need not run yet. */
export async function startGpuProxyWorker(options: StandaloneWorkerOptions): Promise<RunningGpuProxyWorker> {
  const db = await openDatabase({ dsn: options.dsn, migrations: gpuproxyMigrations })
  try {
    const worker = await startWorkerOn(db, options)
    return {
      workerId: worker.workerId,
      stop: async () => {
        await worker.stop()
        await db.destroy()
      },
    }
  } catch (error) {
    await db.destroy()
    throw error
  }
}

/** The same on a database that is open already, and stays so. */
export async function startWorkerOn(db: Knex, options: GpuProxyWorkerOptions): Promise<RunningGpuProxyWorker> {
  const { log, clock = systemClock, maxTasks, types, resourceDir, processor, token, leaseMs = LEASE_MS } = options
  const workerId = await workerIdentity(db)
  const connection = connectRpc(options.url, { path: '/', timeoutMs: CALL_TIMEOUT_MS, ...(token && { token }) })
  const maker = options.maker ?? (processor ? c2Child({ ...processor, log }) : nativeC2Maker(maxTasks))
  const worker = startProofWorker({
    source: () => taskSource(connection, workerId, leaseMs),
    readDocument: resourceDir === undefined ? undefined : id => readShared(resourceDir, id),
    maker,
    outbox: new Outbox(db),
    maxTasks,
    types,
    ips: options.ips ?? ownAddresses(),
    clock,
    log,
    pace: { reportMs: Math.min(PACE.reportMs, leaseMs / REPORTS_IN_LEASE), ...options.pace },
  })
  log.info({ workerId, server: options.url, maxTasks }, 'worker started')
  return {
    workerId,
    stop: async () => {
      const stopped = worker.stop()
      await maker.close()
      await stopped
      await connection.close()
    },
  }
}

function readShared(dir: string, id: string): Promise<Uint8Array> {
  const path = join(dir, id)
  if (!isResourceId(id)) throw noResource(path)
  return readFile(path).catch((error: Error) => {
    throw new Error(`read file: ${path}: ${error.message}`, { cause: error })
  })
}

/** All that others may reach this machine by, IPv4 first. */
function ownAddresses(): string {
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  const outside = all.filter(({ internal }) => !internal)
  return [...outside.filter(({ family }) => family === 'IPv4'), ...outside.filter(({ family }) => family !== 'IPv4')]
    .map(({ address }) => address)
    .join('|')
}
