import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { HttpServer } from '../../daemon/kit/http/http-server.js'
import { silentLog } from '../../daemon/kit/log.js'
import { bindPart, Dispatcher, GO_DIALECT } from '../../daemon/kit/rpc/dispatcher.js'
import { RpcServer } from '../../daemon/kit/rpc/rpc-server.js'
import { wdpostApi } from '../../daemon/manager/api/wdpost-api.js'
import type { WdPostJobs } from '../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { managerService } from '../../rpc-schema/manager/index.js'
import type { WdPoStPart } from '../../rpc-schema/manager/wdpost-job.js'

const WORKER = fileURLToPath(new URL('../../bin/damocles-worker.js', import.meta.url))

/** What a worker that proves windows asks of a manager, and nothing else. */
export function serveWindowJobs(http: HttpServer, jobs: WdPostJobs): void {
  const methods = {
    ...wdpostApi(jobs),
    StoreBasicInfo: (Name: string) => ({ Name, Path: Name, Strict: false, ReadOnly: false, Weight: 0, Meta: {} }),
    WorkerPing: () => undefined,
  }
  const about = { title: 'manager', version: '1', log: silentLog, dialect: GO_DIALECT }
  new RpcServer(new Dispatcher([bindPart(managerService, methods)], about), { log: silentLog }).mount(http, '/rpc/v0')
}

export interface WindowWorker {
  readonly name: string
  /** Of the manager, on 127.0.0.1. */
  readonly port: number
  /** Default: that of workers. */
  readonly part?: WdPoStPart
  /** What it has attached, under its name; none: nothing. */
  readonly store?: { readonly name: string; readonly location: string }
  /** More of its configuration, whole tables. */
  readonly more?: string
}

/** The configuration of a damocles-worker with one thread for windows. */
export const windowWorkerConfig = ({ name, port, part, store, more = '' }: WindowWorker): string => `[worker]
name = "${name}"
rpc_server.host = "127.0.0.1"
rpc_server.port = 0
[sector_manager]
rpc_client.addr = "/ip4/127.0.0.1/tcp/${port}"
[sealing]
recover_interval = "200ms"
[[sealing_thread]]
plan = "wdpost"
${part === undefined ? '' : `sealing.window_parts = ["${part}"]\n`}${store === undefined ? '' : `[[attached]]\nname = "${store.name}"\nlocation = "${store.location}"\nreadonly = true\n`}${more}`

/** Starts it with this file as its configuration. */
export function startWindowWorker(file: string, worker: WindowWorker): ChildProcess {
  writeFileSync(file, windowWorkerConfig(worker))
  return spawn(process.execPath, [WORKER, 'daemon', '-c', file], { stdio: 'ignore' })
}
