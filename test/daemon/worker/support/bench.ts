import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { type Logger, silentLog } from '../../../../daemon/kit/log.js'
import { loadWorkerConfig } from '../../../../daemon/worker/config/worker-config.js'
import type { WindowReads } from '../../../../daemon/worker/wdpost/reading/window-reads.js'
import { type RunningWorker, startWorker } from '../../../../daemon/worker/worker.js'
import { FakeClock } from './fake-clock.js'
import { FakeProcessors } from './fake-processors.js'
import { FakeProver } from './fake-prover.js'
import { ScriptedManager } from './scripted-manager.js'

/** One worker with one thread (or more), a scripted manager and fake processors on a fake clock, in a directory of their own. */
export class WorkerBench {
  readonly manager = new ScriptedManager()
  readonly clock = new FakeClock()
  processors = new FakeProcessors()
  worker: RunningWorker | undefined
  /** Extra lines of `[sealing]`. */
  sealing = 'seal_interval = "1000h"'
  /** Of the threads; undefined: the default. */
  plan: string | undefined
  /** Keys of the attached store. */
  persistKeys = ''
  readonly prover = new FakeProver()
  /** Reads windows; undefined: natively. */
  windowReads: WindowReads | undefined
  log: Logger = silentLog
  overWebSocket = false
  /** Address of a manager other than the scripted one. */
  otherManager: string | undefined
  /** Threads of the worker, each with a store of its own. */
  threadCount = 1
  stopGraceMs = 0
  localPieces: readonly string[] = []
  /** Extra tables. */
  more = ''
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  static async make(): Promise<WorkerBench> {
    const bench = new WorkerBench(await mkdtemp(join(tmpdir(), 'worker-')))
    await mkdir(bench.persist)
    await bench.manager.start()
    return bench
  }

  get store(): string {
    return join(this.dir, 'store1')
  }

  get #sealingThreads(): string {
    const entries = Array.from({ length: this.threadCount }, (_, index) => join(this.dir, `store${index + 1}`))
    const place = (location: string): string => (this.plan === 'wdpost' ? '' : `location = "${location}"`)
    const plan = this.plan === undefined ? '' : `plan = "${this.plan}"`
    return entries.map(location => `[[sealing_thread]]\n${place(location)}\n${plan}`).join('\n')
  }

  get persist(): string {
    return join(this.dir, 'persist1')
  }

  get managerAddress(): string {
    if (this.otherManager !== undefined) return this.otherManager
    return this.overWebSocket ? this.manager.address.replace('http:', 'ws:') : this.manager.address
  }

  get toml(): string {
    return `
[worker]
name = "bench"
rpc_server.host = "127.0.0.1"
rpc_server.port = 0
local_pieces_dirs = ${JSON.stringify(this.localPieces)}
[sector_manager]
rpc_client.addr = "${this.managerAddress}"
rpc_client.headers = { Authorization = "Bearer bench" }
[sealing]
allowed_sizes = ["2KiB"]
enable_deals = true
${this.sealing}
${this.#sealingThreads}
[[attached]]
name = "persist1"
location = "${this.persist}"
${this.persistKeys}
${this.more}
`
  }

  async start(): Promise<RunningWorker> {
    const { config } = loadWorkerConfig(parseToml(this.toml, 'damocles-worker.toml'))
    this.processors.closed = false
    this.worker = await startWorker({
      config,
      log: this.log,
      clock: this.clock,
      processors: this.processors,
      prover: this.prover,
      ...(this.windowReads && { windowReads: this.windowReads }),
      env: {},
      stopGraceMs: this.stopGraceMs,
      random: () => 0.5,
    })
    return this.worker
  }

  async stop(): Promise<void> {
    await this.worker?.stop()
    this.worker = undefined
  }

  /** Turns the clock whenever everyone waits, until the condition holds. */
  async until(condition: () => boolean, what = 'the condition', limitMs = 15_000): Promise<void> {
    const limit = Date.now() + limitMs
    while (!condition()) {
      if (Date.now() > limit) throw new Error(`${what} did not come; threads: ${JSON.stringify(this.threads)}`)
      await delay(2)
      if (!condition() && this.#allWait()) this.clock.turn()
    }
  }

  /** Lets real time pass without turning the clock, until the condition holds. */
  async settle(condition: () => boolean, what = 'the condition'): Promise<void> {
    const limit = Date.now() + 15_000
    while (!condition()) {
      if (Date.now() > limit) throw new Error(`${what} did not come; threads: ${JSON.stringify(this.threads)}`)
      await delay(2)
    }
  }

  get threads() {
    return this.worker?.threads.map(thread => thread.info()) ?? []
  }

  get thread() {
    return this.worker!.threads[0]!
  }

  #allWait(): boolean {
    return this.threads.every(({ thread_state }) => thread_state.state === 'Waiting' || thread_state.state === 'Idle')
  }

  async close(): Promise<void> {
    await this.stop()
    await this.manager.stop()
    await rm(this.dir, { recursive: true, force: true })
  }
}
