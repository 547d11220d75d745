import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import type { ManagerBench } from '../../daemon/manager/manager-bench.js'

const SCRIPT = fileURLToPath(new URL('./bench-manager.js', import.meta.url))
const READY_MS = 30_000

export interface ProcessOptions {
  /** Of its home, in the directory of the bench; default: that of the bench's own manager, which must be stopped. */
  home?: string
  /** What its log is to have, and nothing else is kept of it. */
  env?: Readonly<Record<string, string>>
  /** Prove windows; the proofs are finished as soon as this file is there. */
  provesWith?: string
}

/** A manager of a bench in a process of its own, with pretended proofs, that can be killed or frozen. */
export class ManagerProcess {
  readonly #bench: ManagerBench
  readonly #options: ProcessOptions
  readonly #connections: Connection[] = []
  #child: ChildProcess | undefined
  #listen = '127.0.0.1:0'
  /** The lines of its log. */
  readonly log: string[] = []
  api!: Client<typeof managerService.methods>
  /** The methods that the original does not have. */
  own!: Client<typeof sealyardService.methods>

  constructor(bench: ManagerBench, options: ProcessOptions = {}) {
    this.#bench = bench
    this.#options = options
  }

  /** While it runs. */
  get pid(): number {
    return this.#child!.pid!
  }

  get origin(): string {
    return `http://${this.#listen}`
  }

  /** Starts it, at the address that it had before. */
  async start(): Promise<this> {
    const { provesWith } = this.#options
    const home = join(this.#bench.dir, this.#options.home ?? 'manager')
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'sector-manager.cfg'), this.#bench.config())
    const child = spawn(
      process.execPath,
      [SCRIPT, home, this.#listen, ...(provesWith === undefined ? [] : [provesWith])],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, SEALYARD_LOG: 'info', SEALYARD_LOG_FORMAT: 'json', ...this.#options.env },
      },
    )
    this.#child = child
    createInterface({ input: child.stderr }).on('line', line => this.log.push(line))
    const ready = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', line => {
        if (line.startsWith('{"ready":true')) resolve((JSON.parse(line) as { address: string }).address)
      })
      child.once('exit', code => reject(new Error(`the manager ended with ${code}:\n${this.log.slice(-5).join('\n')}`)))
      setTimeout(
        () => reject(new Error(`the manager is not ready:\n${this.log.slice(-5).join('\n')}`)),
        READY_MS,
      ).unref()
    })
    this.#listen = (await ready).replace(/^https?:\/\//, '')
    const connection = connectRpc(this.origin, { path: '/rpc/v0' })
    this.#connections.push(connection)
    this.api = rpcClient(managerService, connection)
    this.own = rpcClient(sealyardService, connection)
    return this
  }

  /** Ends it as a power cut would, and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGCONT')
    child.kill(signal)
    await gone
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.splice(0)) await connection.close()
    await this.kill()
  }
}
