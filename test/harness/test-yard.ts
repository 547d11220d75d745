import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DaemonProcess, type DaemonProcessOptions } from '../../daemon/yard/daemon-process.js'
import { lotusService } from '../../rpc-schema/chain/index.js'
import { devnetService } from '../../rpc-schema/devnet/index.js'
import { managerService } from '../../rpc-schema/manager/index.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../rpc-schema/rpc/connection.js'
import type { Client } from '../../rpc-schema/rpc/method.js'
import { workerService } from '../../rpc-schema/worker/index.js'

type Start = Pick<DaemonProcessOptions, 'bin' | 'args' | 'env'>

/** A daemon of a test: a real process that can be killed and started again, at the address it had. */
export class TestDaemon {
  readonly name: string
  readonly log: string
  readonly #how: () => Start
  #process: DaemonProcess | undefined

  constructor(name: string, log: string, how: () => Start) {
    this.name = name
    this.log = log
    this.#how = how
  }

  /** `http://host:port` */
  get origin(): string {
    return `http://${this.listen}`
  }

  /** `host:port` it listened on last; a port of its own choice before. */
  get listen(): string {
    const address = this.#process?.address
    if (address === undefined) return '127.0.0.1:0'
    return new URL(address.includes('://') ? address : `http://${address}`).host
  }

  async start(): Promise<void> {
    this.#process = await DaemonProcess.start({ name: this.name, logFile: this.log, ...this.#how() })
  }

  /** Ends it as a power cut would; resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process?.kill(signal)
  }
}

export interface TestYardOptions {
  epochMs?: number
  /** More lines of damocles-worker.toml: threads and processors. `dir` is the yard's directory. */
  workerConfig(dir: string): string
  /** Where the worker finds the manager; default the manager itself. */
  managerFor?: (origin: string) => string
  /** Where the manager finds the chain; default the devnet itself. */
  chainFor?: (origin: string) => string
  /** More arguments for `sealyard devnet run`. */
  devnetArgs?: readonly string[]
  /** More of the manager's `[Common]`, whole tables. */
  commonConfig?: string
  /** Below `[[Miners]]`, instead of what lets every sector go alone. */
  minerConfig?: string
  /** Send by the messager of the devnet instead of by its pool. */
  messager?: boolean
}

const EACH_ALONE = `[Miners.Sector]
Enabled = true
EnableDeals = true
[Miners.Commitment]
Confidence = 3
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
`

/** Devnet, manager and worker of one test, in a directory of their own. */
export class TestYard {
  readonly dir: string
  readonly devnet: TestDaemon
  readonly manager: TestDaemon
  readonly worker: TestDaemon
  readonly #options: TestYardOptions
  readonly #connections: Connection[] = []
  readonly #more: TestDaemon[] = []
  #minerConfig: string

  constructor(options: TestYardOptions) {
    this.#options = options
    this.#minerConfig = options.minerConfig ?? EACH_ALONE
    this.dir = mkdtempSync(join(tmpdir(), 'sealyard-test-'))
    for (const name of ['devnet', 'manager', 'worker', 'persist', 'logs']) mkdirSync(join(this.dir, name))
    const epochMs = String(options.epochMs ?? 100)
    this.devnet = this.#daemon('devnet', () => ({
      bin: 'sealyard',
      args: [
        'devnet',
        'run',
        '--home',
        join(this.dir, 'devnet'),
        '--listen',
        this.devnet.listen,
        '--epoch-ms',
        epochMs,
        ...(options.devnetArgs ?? []),
      ],
    }))
    this.manager = this.#daemon('manager', () => ({
      bin: 'damocles-manager',
      args: ['--home', join(this.dir, 'manager'), 'daemon', 'run', '--listen', this.manager.listen],
    }))
    this.worker = this.#daemon('worker', () => ({
      bin: 'damocles-worker',
      args: ['daemon', '-c', join(this.dir, 'worker', 'damocles-worker.toml')],
    }))
  }

  /** One more worker, with a home of its own and these threads and processors. */
  async startWorker(name: string, workerConfig: string): Promise<TestDaemon> {
    mkdirSync(join(this.dir, name))
    this.#writeWorkerConfig(name, workerConfig)
    const args = ['daemon', '-c', join(this.dir, name, 'damocles-worker.toml')]
    const daemon = this.#daemon(name, () => ({ bin: 'damocles-worker', args }))
    this.#more.push(daemon)
    await daemon.start()
    return daemon
  }

  #daemon(name: string, how: () => Start): TestDaemon {
    return new TestDaemon(name, join(this.dir, 'logs', `${name}.log`), how)
  }

  async start(): Promise<void> {
    await this.devnet.start()
    await this.startManager()
    this.#writeWorkerConfig('worker', this.#options.workerConfig(this.dir))
    await this.worker.start()
  }

  /** The manager alone, for what needs no worker; the devnet must be up. */
  async startManager(): Promise<void> {
    this.#writeManagerConfig()
    await this.manager.start()
  }

  /** Starts the manager anew with another configuration of its miner. */
  async reconfigureManager(minerConfig: string): Promise<void> {
    await this.manager.kill('SIGTERM')
    this.#minerConfig = minerConfig
    await this.startManager()
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) await connection.close()
    for (const daemon of [...this.#more, this.worker, this.manager, this.devnet]) await daemon.kill('SIGTERM')
    if (process.env.SEALYARD_KEEP === undefined) rmSync(this.dir, { recursive: true, force: true })
  }

  get chain(): Client<typeof lotusService.methods> {
    return rpcClient(lotusService, this.#connect(this.devnet, '/rpc/v1'))
  }
  get admin(): Client<typeof devnetService.methods> {
    return rpcClient(devnetService, this.#connect(this.devnet, '/rpc/v1'))
  }
  get managerApi(): Client<typeof managerService.methods> {
    return rpcClient(managerService, this.#connect(this.manager, '/rpc/v0'))
  }
  get workerApi(): Client<typeof workerService.methods> {
    return rpcClient(workerService, this.#connect(this.worker, '/'))
  }

  #connect(daemon: TestDaemon, path: string): Connection {
    const connection = connectRpc(daemon.origin, { path })
    this.#connections.push(connection)
    return connection
  }

  /** The manager takes it at its next start. */
  #writeManagerConfig(): void {
    const { chainFor = origin => `${origin}/rpc/v1`, commonConfig = '', messager } = this.#options
    writeFileSync(
      join(this.dir, 'manager', 'sector-manager.cfg'),
      `[Common]
[Common.API]
Chain = "${chainFor(this.devnet.origin)}"
Market = "${this.devnet.origin}/rpc/v1"
${messager ? `Messager = "${this.devnet.origin}/rpc/v0"` : ''}
${commonConfig}
[[Common.PersistStores]]
Name = "persist"
Path = "${join(this.dir, 'persist')}"
[[Miners]]
Actor = 1000
${this.#minerConfig}`,
    )
  }

  #writeWorkerConfig(name: string, workerConfig: string): void {
    const manager = (this.#options.managerFor ?? (origin => origin))(this.manager.origin)
    writeFileSync(
      join(this.dir, name, 'damocles-worker.toml'),
      `[worker]
name = "${name === 'worker' ? 'test' : name}"
rpc_server.host = "127.0.0.1"
rpc_server.port = 0
[sector_manager]
rpc_client.addr = "${manager}"
[[attached]]
name = "persist"
location = "${join(this.dir, 'persist')}"
${workerConfig}
`,
    )
  }
}
