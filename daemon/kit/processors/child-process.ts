import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { LineSplitter, MAX_LINE_BYTES } from '../../../plugins/sdk/line-splitter.js'
import { readyLine } from '../../../rpc-schema/processor/frames.js'
import type { Clock } from '../clock.js'
import type { Logger } from '../log.js'
import type { ChildCommand } from './child-environment.js'
import { ChildStderr } from './child-stderr.js'
import { describeExit, ProcessorError } from './processor-error.js'

/** How long the pipes of a child may stay open after it exited (a grandchild may hold them), and it after it closed its stdout. */
const DRAIN_MS = 500
/** From SIGTERM to SIGKILL. */
const TERM_GRACE_MS = 3_000
/** A process that SIGKILL does not end is stuck in the kernel, on a device or a file system; it is not waited for any longer. */
const ABANDON_MS = 10_000

export interface ChildProcessOptions extends ChildCommand {
  /** Stage as configured, for errors. */
  readonly stage: string
  /** The program as configured, for errors: `bin` may be what puts it in its place. */
  readonly program: string
  /** The longest line that the child may write. Default: what a string can hold. */
  readonly maxLineBytes?: number | undefined
  /** What the first line must say: `<readyName> processor ready`. */
  readonly readyName: string
  readonly env: NodeJS.ProcessEnv
  readonly stableWaitMs: number
  readonly log: Logger
  readonly clock: Clock
  /** Every line after the ready line. */
  onLine(line: string, child: ChildProcess): void
}

export interface ChildExit {
  readonly exitCode: number | null
  readonly exitSignal: NodeJS.Signals | null
  readonly lastStderr: readonly string[]
  readonly reason?: string | undefined
}

/** One life of one processor: from the spawn to the exit. It leads a process group of its own, which dies with it. */
export class ChildProcess {
  readonly pid: number
  /** Resolves with the ready line; rejects with a ProcessorError otherwise, and then the process is on its way out. */
  readonly ready: Promise<void>
  /** Resolves when the process is gone and what it had written was read. Never rejects. */
  readonly exited: Promise<ChildExit>

  readonly #options: ChildProcessOptions
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #stderr: ChildStderr
  #gone = false
  #dying = false
  #reason: string | undefined
  /** Since the last newline on stdout. */
  #unfinishedBytes = 0
  #tooLong = false
  #abandon!: () => void
  #sawFirstLine = false
  #firstLine!: { resolve(): void; reject(error: Error): void }

  /** Rejects with a ProcessorError when the program cannot be started. */
  static async spawn(options: ChildProcessOptions): Promise<ChildProcess> {
    const child = spawn(options.bin, options.args, {
      env: options.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', error =>
        reject(
          new ProcessorError('startup', 'permanent', `cannot start the ${options.stage} processor ${options.program}`, {
            stage: options.stage,
            processor: options.program,
            cause: error,
          }),
        ),
      )
    })
    return new ChildProcess(child, options)
  }

  private constructor(process: ChildProcessByStdio<Writable, Readable, Readable>, options: ChildProcessOptions) {
    this.#process = process
    this.#options = options
    this.pid = process.pid!
    this.#stderr = new ChildStderr(process.stderr, options.log, options.clock)
    const firstLine = new Promise<void>((resolve, reject) => {
      this.#firstLine = { resolve, reject }
    })
    this.exited = this.#watch()
    this.ready = this.#becomeReady(firstLine)
    this.ready.catch(() => {})
  }

  get name(): string {
    return `ext(pid: ${this.pid})`
  }

  /** It was killed, or can answer nothing any more: nothing new should be sent to it. */
  get dying(): boolean {
    return this.#dying
  }

  /** A write to a child that has gone is silently lost: its exit fails the task. */
  send(frame: string): void {
    if (!this.#gone && this.#process.stdin.writable) this.#process.stdin.write(`${frame}\n`)
  }

  /** SIGTERM to the whole group, SIGKILL to what is left of it after a while. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#dying = true
    if (!this.#gone) this.#signalGroup('SIGTERM')
    const waiting = new AbortController()
    const late = this.#options.clock.sleep(TERM_GRACE_MS, waiting.signal).then(
      () => this.kill(),
      () => {},
    )
    await this.exited
    waiting.abort()
    await late
  }

  /** `reason`: why, for those who lose their tasks. */
  kill(reason?: string): void {
    this.#dying = true
    if (this.#gone) return
    this.#reason ??= reason
    this.#signalGroup('SIGKILL')
    const waiting = new AbortController()
    void this.exited.then(() => waiting.abort())
    this.#options.clock.sleep(ABANDON_MS, waiting.signal).then(
      () => this.#abandon(),
      () => {},
    )
  }

  #signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal)
    } catch {
      // Nobody is left in the group.
    }
  }

  async #becomeReady(firstLine: Promise<void>): Promise<void> {
    const { stage, stableWaitMs, clock } = this.#options
    const waiting = new AbortController()
    const late = clock.sleep(stableWaitMs, waiting.signal).then(
      () => this.#firstLine.reject(this.#startupError(`did not say that it is ready within ${stableWaitMs} ms`)),
      () => {},
    )
    void this.exited.then(exit =>
      this.#firstLine.reject(this.#startupError(`ended before it was ready: ${describeExit(exit)}`, exit)),
    )
    try {
      await firstLine
    } catch (error) {
      this.#options.log.error({ err: error, stage, pid: this.pid }, 'processor not ready')
      this.kill()
      throw error
    } finally {
      waiting.abort()
      await late
    }
  }

  #startupError(what: string, exit?: ChildExit): ProcessorError {
    const { stage, program } = this.#options
    return new ProcessorError('startup', 'permanent', `the ${stage} processor ${program} (pid ${this.pid}) ${what}`, {
      stage,
      processor: this.name,
      lastStderr: this.#stderr.last,
      ...exit,
    })
  }

  #onLine(line: string): void {
    if (this.#sawFirstLine) {
      this.#options.onLine(line, this)
      return
    }
    this.#sawFirstLine = true
    const expected = readyLine(this.#options.readyName)
    if (line.trim() === expected) this.#firstLine.resolve()
    else
      this.#firstLine.reject(
        this.#startupError(
          `began with an unexpected line: expected ${JSON.stringify(expected)}, found ${excerpt(line)}`,
        ),
      )
  }

  async #watch(): Promise<ChildExit> {
    const { log, clock, maxLineBytes = MAX_LINE_BYTES } = this.#options
    const child = this.#process
    child.stdin.on('error', error => log.debug({ err: error, pid: this.pid }, 'a processor does not read its stdin'))
    child.on('error', error => log.warn({ err: error, pid: this.pid }, 'processor'))

    const lines = new LineSplitter({ onLine: line => this.#onLine(line) }, maxLineBytes)
    child.stdout.on('data', (chunk: Buffer) => {
      if (this.#endless(chunk, maxLineBytes)) return
      lines.push(chunk)
    })
    const stdoutEnded = new Promise<void>(resolve => {
      child.stdout.once('close', () => {
        this.#dying = true
        resolve()
      })
      child.stdout.once('error', error => {
        log.warn({ err: error, pid: this.pid }, 'stdout of a processor cannot be read')
        resolve()
      })
    })
    const exited = new Promise<{ exitCode: number | null; exitSignal: NodeJS.Signals | null }>(resolve => {
      child.once('exit', (exitCode, exitSignal) => resolve({ exitCode, exitSignal }))
      this.#abandon = () => {
        log.error({ pid: this.pid }, 'a processor cannot be killed: it is stuck in the kernel, and left to itself')
        this.#reason = `${this.#reason ?? 'killed'}, but stuck in the kernel`
        resolve({ exitCode: null, exitSignal: null })
      }
    })

    // A processor that closed its stdout can answer nothing any more, even when it lives on.
    const waiting = new AbortController()
    void stdoutEnded
      .then(() => clock.sleep(DRAIN_MS, waiting.signal))
      .then(
        () => this.kill(),
        () => {},
      )
    const status = await exited
    waiting.abort()
    this.#signalGroup('SIGKILL')
    await withinDrainTime(Promise.all([stdoutEnded, closed(child.stderr)]), clock)
    this.#gone = true
    const rest = lines.rest()
    if (rest !== undefined)
      log.error({ pid: this.pid, line: excerpt(rest) }, 'a processor ended in the middle of a line')
    child.stdin.destroy()
    child.stdout.destroy()
    child.stderr.destroy()
    child.unref()
    return { ...status, lastStderr: this.#stderr.last, ...(this.#reason !== undefined && { reason: this.#reason }) }
  }

  /** Whether the child has written more without a newline than any answer has: it is killed, and nothing more is kept of it. */
  #endless(chunk: Buffer, maxLineBytes: number): boolean {
    const newline = chunk.lastIndexOf(0x0a)
    const before = newline < 0 ? chunk.length : chunk.indexOf(0x0a)
    const tooLong = this.#unfinishedBytes + before > maxLineBytes
    this.#unfinishedBytes = newline < 0 ? this.#unfinishedBytes + chunk.length : chunk.length - newline - 1
    if (tooLong && !this.#tooLong) {
      this.#tooLong = true
      this.kill(`it wrote a line of more than ${Math.floor(maxLineBytes / 2 ** 20)} MiB`)
    }
    return this.#tooLong
  }
}

const closed = (stream: Readable): Promise<void> =>
  stream.closed ? Promise.resolve() : new Promise(resolve => stream.once('close', resolve))

/** Grandchildren that left the group may hold the pipes open for ever. */
async function withinDrainTime(drained: Promise<unknown>, clock: Clock): Promise<void> {
  const waiting = new AbortController()
  await Promise.race([drained, clock.sleep(DRAIN_MS, waiting.signal).catch(() => {})])
  waiting.abort()
}

/** The beginning of a line, for a log: at most 100 characters. */
export function excerpt(line: string): string {
  return JSON.stringify(line.length > 100 ? `${line.slice(0, 100)}...` : line)
}
