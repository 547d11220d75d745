import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { SealErrorClass } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../clock.js'
import type { Logger } from '../log.js'
import { type ChildProcess, excerpt } from './child-process.js'
import { FloodGate } from './flood-gate.js'
import { ProcessorError } from './processor-error.js'
import { type ReplyFrame, readReplyFrame } from './reply-frame.js'
import type { StallLimit } from './stall-limits.js'

/** Lines of rubbish from one child that are logged or dumped in one second. */
const BAD_LINES_PER_SECOND = 20

export interface RequestOptions {
  readonly stallLimit: StallLimit | undefined
  /** Class of the error when the child is killed for a stall. */
  readonly lossClass: SealErrorClass
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

interface Pending {
  readonly processor: string
  readonly ended: AbortController
  /** undefined: no sign yet from which a stall could be told. */
  lastSignAt: number | undefined
  /** Why its child was killed, when it was killed for this task. */
  verdict?: { readonly message: string; readonly errorClass: SealErrorClass }
  /** Called at every sign of life. */
  onSign?: () => void
  resolve(output: unknown): void
  reject(error: Error): void
  onProgress?: ((progress: Progress) => void) | undefined
}

export interface PendingRepliesDeps {
  readonly log: Logger
  readonly clock: Clock
  readonly env: NodeJS.ProcessEnv
}

/** The requests of one child that are not answered yet. Ids go on counting over the restarts of its process. */
export class PendingReplies {
  readonly #stage: string
  readonly #deps: PendingRepliesDeps
  readonly #pending = new Map<number, Pending>()
  readonly #badLines: FloodGate
  #lastId = 0

  constructor(stage: string, deps: PendingRepliesDeps) {
    this.#stage = stage
    this.#deps = deps
    this.#badLines = new FloodGate(BAD_LINES_PER_SECOND, deps.clock, lines =>
      deps.log.error({ stage, lines }, 'a processor floods its stdout with lines that are no replies: left out'),
    )
  }

  get size(): number {
    return this.#pending.size
  }

  /** Resolves with the output as it stood in the reply; rejects with a ProcessorError. */
  async request(child: ChildProcess, task: unknown, options: RequestOptions): Promise<unknown> {
    this.#lastId += 1
    const id = this.#lastId
    const frame = JSON.stringify({ id, task })
    const ended = new AbortController()
    try {
      return await new Promise((resolve, reject) => {
        const pending: Pending = {
          processor: child.name,
          ended,
          lastSignAt: options.stallLimit?.from === 'request' ? this.#deps.clock.monotonic() : undefined,
          resolve,
          reject,
          onProgress: options.onProgress,
        }
        this.#pending.set(id, pending)
        child.send(frame)
        if (options.stallLimit !== undefined)
          void this.#watchForStall(child, pending, options.stallLimit.limitMs, options.lossClass)
      })
    } finally {
      this.#pending.delete(id)
      ended.abort()
    }
  }

  /** Of a child that was killed for a task, that task learns why; the others, that it died. */
  failAll(error: ProcessorError): void {
    for (const pending of this.#pending.values()) pending.reject(this.#stalled(pending, error) ?? error)
  }

  #stalled({ verdict }: Pending, exit: ProcessorError): ProcessorError | undefined {
    if (verdict === undefined) return undefined
    const { stage, processor, exitCode, exitSignal, lastStderr } = exit
    const words = lastStderr.length === 0 ? '' : `; its last words: ${lastStderr.slice(-5).join(' | ')}`
    const details = { stage, processor, exitCode, exitSignal, lastStderr }
    return new ProcessorError('stalled', verdict.errorClass, `${verdict.message}${words}`, details)
  }

  /** A line from the child's stdout. One that is no reply is logged or dumped; it fails nothing but itself. */
  receive(line: string, pid: number): void {
    if (line.trim() === '') return
    const frame = readReplyFrame(line)
    if (frame === undefined) {
      this.#keepGarbage(line, pid)
      return
    }
    const pending = this.#pending.get(frame.id)
    if (pending === undefined) {
      if (this.#badLines.pass())
        this.#deps.log.warn(
          { stage: this.#stage, pid, id: frame.id },
          'a processor answered a request that is not open',
        )
      return
    }
    pending.lastSignAt = this.#deps.clock.monotonic()
    pending.onSign?.()
    if (frame.kind === 'progress') pending.onProgress?.(frame.progress)
    else if (frame.kind === 'output') pending.resolve(frame.output)
    else pending.reject(this.#failure(frame, pending.processor))
  }

  #failure(frame: Extract<ReplyFrame, { kind: 'error' }>, processor: string): ProcessorError {
    return new ProcessorError('failed', frame.errorClass ?? 'permanent', frame.message, {
      stage: this.#stage,
      processor,
    })
  }

  async #watchForStall(
    child: ChildProcess,
    pending: Pending,
    limitMs: number,
    lossClass: SealErrorClass,
  ): Promise<void> {
    const { clock, log } = this.#deps
    const { signal } = pending.ended
    try {
      if (pending.lastSignAt === undefined) await firstSign(pending)
      for (;;) {
        const leftMs = pending.lastSignAt! + limitMs - clock.monotonic()
        if (leftMs <= 0) break
        await clock.sleep(leftMs, signal)
      }
    } catch {
      return
    }
    log.error({ stage: this.#stage, pid: child.pid, limitMs }, 'a processor stalls: killed')
    const message = `the ${this.#stage} processor ${child.name} gave no sign of life for ${limitMs} ms and was killed`
    // The task fails when the process is gone: its device is not given to another one while it may still be used.
    pending.verdict = { message, errorClass: lossClass }
    child.kill()
  }

  #keepGarbage(line: string, pid: number): void {
    if (!this.#badLines.pass()) return
    const { log, env } = this.#deps
    const directory = env[`DUMP_ERR_RESP_${pid}`]
    const fields = { stage: this.#stage, pid, bytes: line.length }
    if (!directory) {
      log.error({ ...fields, line: excerpt(line) }, 'a processor wrote a line that is no reply')
      return
    }
    const file = path.join(directory, `ext-processor-err-resp-${pid}-${randomUUID().replaceAll('-', '')}.json`)
    writeFile(file, line).then(
      () => log.error({ ...fields, file }, 'a processor wrote a line that is no reply: dumped'),
      error =>
        log.error(
          { ...fields, file, err: error },
          'a processor wrote a line that is no reply, and it cannot be dumped',
        ),
    )
  }
}

/** Rejects when the request ends without one. */
function firstSign(pending: Pending): Promise<void> {
  return new Promise((resolve, reject) => {
    const { signal } = pending.ended
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    pending.onSign = resolve
  })
}
