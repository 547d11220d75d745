import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { STOP_AT_STDIN_END } from '../kit/lifecycle.js'

/** How a daemon of the yard is started. */
export interface DaemonProcessOptions {
  name: string
  /** The executable's file in `bin/`, without extension. */
  bin:
    | 'sealyard'
    | 'damocles-manager'
    | 'damocles-worker'
    | 'venus-sealer'
    | 'venus-worker'
    | 'gpuproxy'
    | 'gpuproxy_worker'
  args: readonly string[]
  logFile: string
  /** Gives up waiting for the ready line. */
  signal?: AbortSignal
  env?: Readonly<Record<string, string>>
  /** How long it may take until its ready line, ms. */
  readyMs?: number
}

const READY_MS = 60_000
const STOP_MS = 20_000

/** One of the processes a yard has started: its log goes to a file, its stdout says when it is ready. */
export class DaemonProcess {
  readonly name: string
  readonly #options: DaemonProcessOptions
  readonly #child: ChildProcess
  /** Settles when the process has ended: exit code or signal in words. */
  readonly ended: Promise<string>
  /** Where it listens, as its ready line says. */
  address = ''
  #stopping = false

  private constructor(options: DaemonProcessOptions) {
    this.name = options.name
    this.#options = options
    const script = fileURLToPath(new URL(`../../bin/${options.bin}.js`, import.meta.url))
    const log = openSync(options.logFile, 'a')
    this.#child = spawn(process.execPath, ['--enable-source-maps', script, ...options.args], {
      // Its stdin stays open as long as this process lives.
      stdio: ['pipe', 'pipe', log],
      env: { ...process.env, SEALYARD_LOG_FORMAT: 'json', [STOP_AT_STDIN_END]: '1', ...options.env },
      // A group of its own: Ctrl-C reaches the yard alone, which then stops the daemons in order.
      detached: true,
    })
    closeSync(log)
    this.ended = new Promise(resolve => {
      this.#child.once('error', error => resolve(error.message))
      this.#child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** True while an end of the process would be a surprise. */
  get isWanted(): boolean {
    return !this.#stopping
  }

  /** Starts the daemon and waits for its ready line; says why, with the log's last lines, when it does not come. */
  static async start(options: DaemonProcessOptions): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(options)
    try {
      await daemon.#ready()
      return daemon
    } catch (error) {
      await daemon.stop()
      throw error
    }
  }

  async #ready(): Promise<void> {
    const lines = createInterface({ input: this.#child.stdout! })
    const ready = new Promise<'ready'>(resolve => {
      lines.on('line', line => {
        if (!line.startsWith('{"ready":true')) return
        this.address = (JSON.parse(line) as { address: string }).address
        resolve('ready')
      })
    })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>(resolve => {
      timer = setTimeout(() => resolve('it did not get ready in time'), this.#options.readyMs ?? READY_MS)
    })
    const { signal } = this.#options
    const aborted = new Promise<never>((_, reject) => {
      if (signal?.aborted) reject(signal.reason)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    const outcome = await Promise.race([ready, this.ended, late, aborted]).finally(() => clearTimeout(timer))
    if (outcome === 'ready') return
    throw new Error(
      `the ${this.name} did not start: ${outcome}\n${await lastLines(this.#options.logFile, 8)}\n(its log: ${this.#options.logFile})`,
    )
  }

  /** Asks it to stop, and makes sure. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await this.kill('SIGTERM')
    clearTimeout(timer)
  }

  /** Sends a signal that ends it; resolves when it is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#stopping = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return
    this.#child.kill(signal)
    await this.ended
  }
}

/** The last lines of a log that may be large: only its end is read. */
async function lastLines(file: string, count: number): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (handle === undefined) return ''
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, 16_384)
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8').trimEnd().split('\n').slice(-count).join('\n')
  } finally {
    await handle.close()
  }
}
