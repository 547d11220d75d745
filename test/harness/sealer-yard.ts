import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { lotusService } from '../../rpc-schema/chain/index.js'
import { devnetService } from '../../rpc-schema/devnet/index.js'
import { managerService } from '../../rpc-schema/manager/index.js'
import { sealyardService } from '../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../rpc-schema/rpc/connection.js'
import type { Client } from '../../rpc-schema/rpc/method.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { eventually } from './eventually.js'
import { rememberingProcessor } from './manual-yard.js'
import { sectorsInPool } from './sectors-in-pool.js'
import { TestDaemon } from './test-yard.js'

const BIN = fileURLToPath(new URL('../../bin/', import.meta.url))
export const SEALER_MINER = 1000
/** At a second an epoch, which is what the manager reckons with: time for a proof on a busy machine. */
const WINDOW_EPOCHS = 2_400
/** Also when a proof is not known yet and has to be made. */
const PROOF_MS = 1_800_000

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A sealer and stage workers as real processes, set up by their own commands, on a chain that moves only when it is told to. */
export class SealerYard {
  readonly dir = mkdtempSync(join(tmpdir(), 'sealer-yard-'))
  readonly devnet: TestDaemon
  readonly sealer: TestDaemon
  readonly workers = new Map<string, TestDaemon>()
  readonly #connections: Connection[] = []
  #port = 0
  #token = ''

  constructor(networkSeed: string) {
    mkdirSync(join(this.dir, 'logs'))
    this.devnet = new TestDaemon('devnet', this.log('devnet'), () => ({
      bin: 'sealyard',
      args: [
        ...['devnet', 'run', '--home', join(this.dir, 'devnet'), '--listen', this.devnet.listen],
        ...['--manual', '--network-seed', networkSeed, '--challenge-window', String(WINDOW_EPOCHS)],
      ],
    }))
    this.sealer = new TestDaemon('sealer', this.log('sealer'), () => ({
      bin: 'venus-sealer',
      args: ['--repo', join(this.dir, 'sealer'), 'run'],
      env: { BELLMAN_CPU_UTILIZATION: '0.2', FIL_PROOFS_USE_MULTICORE_SDR: '1', TRUST_PARAMS: '1' },
    }))
  }

  log(name: string): string {
    return join(this.dir, 'logs', `${name}.log`)
  }

  /**
   * With every Allow* false, and a store; `processors`: of the stages that the sealer does all the same. The devnet is its market, from which sectors take deals; unsealed pieces come to it. The control addresses of
   * the miner pay for pre-commits and proofs, which leaves its worker address for windows.
   */
  async start({ maxSealing, processors = '' }: { maxSealing: number; processors?: string }): Promise<void> {
    await this.devnet.start()
    this.#port = await freePort()
    const node = `/ip4/127.0.0.1/tcp/${new URL(this.devnet.origin).port}`
    await this.sealerCli(
      '--network=2k',
      'init',
      `--actor=f0${SEALER_MINER}`,
      `--node-url=${node}`,
      `--market-url=${node}`,
      '--no-local-storage',
    )
    const { ControlAddresses } = await this.chain.StateMinerInfo(Address.fromId(SEALER_MINER), [])
    const control = JSON.stringify(ControlAddresses.map(String))
    const file = join(this.dir, 'sealer', 'config.toml')
    const text = readFileSync(file, 'utf8')
      .replaceAll('2345', String(this.#port))
      .replace('MaxSealingSectors = 0', `MaxSealingSectors = ${maxSealing}`)
      .replaceAll(/^( *Allow\w+) = true/gm, '$1 = false')
      .replaceAll(/^( *(?:PreCommit|Commit)Control) = \[\]/gm, `$1 = ${control}`)
    writeFileSync(
      file,
      `${text}[[PieceStorage.Fs]]\n  Name = "pieces"\n  Path = ${JSON.stringify(this.path('pieces'))}\n`,
    )
    mkdirSync(this.path('pieces'), { recursive: true })
    this.#settings(join(this.dir, 'sealer', 'stage-worker'), processors)
    await this.sealerCli('storage', 'attach', '--init', '--store', this.path('store'))
    await this.sealer.start()
    this.#token = (await this.sealerCli('auth', 'create-token', '--perm', 'write')).trim()
  }

  /** A worker with these flags, on these paths; one whose name begins with `+` is made. */
  async worker(
    name: string,
    flags: readonly string[],
    paths: readonly string[],
    processors = rememberingProcessor('c2'),
  ): Promise<void> {
    const home = join(this.dir, name)
    this.#settings(home, processors)
    for (const path of paths) {
      const made = path.startsWith('+')
      const at = this.path(made ? path.slice(1) : path)
      await this.workerCli(name, 'storage', 'attach', ...(made ? ['--init', '--seal'] : []), at)
    }
    const daemon = new TestDaemon(name, this.log(name), () => ({
      bin: 'venus-worker',
      args: [
        ...['run', `--miner-addr=${this.managerAddress}`, `--miner-token=${this.#token}`],
        ...['--listen', '127.0.0.1:0', '--name', name, '--no-local-storage', ...flags],
      ],
      env: { VENUS_WORKER_PATH: home, FIL_PROOFS_MAXIMIZE_CACHING: '1' },
    }))
    this.workers.set(name, daemon)
    await daemon.start()
  }

  /** A damocles-worker with one thread that seals, on a store of its own. */
  async thread(name: string): Promise<TestDaemon> {
    const home = join(this.dir, name)
    mkdirSync(home, { recursive: true })
    const { ID } = JSON.parse(readFileSync(join(this.path('store'), 'sectorstore.json'), 'utf8')) as { ID: string }
    const file = join(home, 'damocles-worker.toml')
    writeFileSync(
      file,
      `[worker]
name = "${name}"
rpc_server.host = "127.0.0.1"
rpc_server.port = 0
[sector_manager]
rpc_client.addr = "${this.#token}:${this.managerAddress}"
[sealing]
allowed_sizes = ["2KiB"]
seal_interval = "1s"
recover_interval = "300ms"
rpc_polling_interval = "300ms"
[[sealing_thread]]
location = "${this.threadStore(name)}"
plan = "sealer"
[[attached]]
name = "${ID}"
location = "${this.path('store')}"
${rememberingProcessor('c2')}`,
    )
    const daemon = new TestDaemon(name, this.log(name), () => ({
      bin: 'damocles-worker',
      args: ['daemon', '-c', file],
    }))
    this.workers.set(name, daemon)
    await daemon.start()
    return daemon
  }

  threadStore(name: string): string {
    return join(this.dir, name, 'store')
  }

  get managerAddress(): string {
    return `/ip4/127.0.0.1/tcp/${this.#port}`
  }

  get token(): string {
    return this.#token
  }

  #settings(home: string, processors: string): void {
    mkdirSync(home, { recursive: true })
    writeFileSync(
      join(home, 'config.toml'),
      `[sealing]\nseal_interval = "1s"\nrpc_polling_interval = "300ms"\nrecover_interval = "300ms"\n${processors}`,
    )
  }

  path(name: string): string {
    return join(this.dir, 'paths', name)
  }

  sealerCli(...args: string[]): Promise<string> {
    return this.#cli('venus-sealer', ['--repo', join(this.dir, 'sealer'), ...args])
  }

  workerCli(name: string, ...args: string[]): Promise<string> {
    return this.#cli('venus-worker', ['--worker-repo', join(this.dir, name), ...args])
  }

  threadCli(...args: string[]): Promise<string> {
    return this.#cli('damocles-worker', args)
  }

  async #cli(bin: string, args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [join(BIN, `${bin}.js`), ...args])
    return stdout
  }

  get chain(): Client<typeof lotusService.methods> {
    return rpcClient(lotusService, this.#connect(this.devnet.origin, '/rpc/v1'))
  }
  get admin(): Client<typeof devnetService.methods> {
    return rpcClient(devnetService, this.#connect(this.devnet.origin, '/rpc/v1'))
  }
  get manager(): Client<typeof managerService.methods> {
    return rpcClient(managerService, this.#connect(this.sealer.origin, '/rpc/v0'))
  }
  get own(): Client<typeof sealyardService.methods> {
    return rpcClient(sealyardService, this.#connect(this.sealer.origin, '/rpc/v0'))
  }

  #connect(origin: string, path: string): Connection {
    const connection = connectRpc(origin, { path })
    this.#connections.push(connection)
    return connection
  }

  /** Waits until the pool of the node holds messages of a method for so many sectors, however they are batched. */
  async inPool(method: number, count: number): Promise<void> {
    await eventually(`${count} sectors in messages of method ${method} in the pool`, PROOF_MS, async () => {
      const parked = (await this.own.StageTasks()).find(({ State }) => State === 'parked')
      if (parked !== undefined) throw new Error(`${parked.ID} is parked: ${parked.Error}`)
      return (await sectorsInPool(this.chain, method)) >= count || undefined
    })
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) await connection.close()
    for (const daemon of [...this.workers.values(), this.sealer, this.devnet]) await daemon.kill('SIGTERM')
    if (process.env.SEALYARD_KEEP === undefined) rmSync(this.dir, { recursive: true, force: true })
  }
}
