import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { SealErrorClass } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { type ChildProcess, excerpt } from './child-process.js'
import { ProcessorError } from './processor-error.js'
import { type ReplyFrame, readReplyFrame } from './reply-frame.js'

export interface RequestOptions {
  readonly stallLimitMs: number | undefined
  /** Class of the error when the child is killed for a stall. */
  readonly lossClass: SealErrorClass
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

interface Pending {
  readonly processor: string
  readonly ended: AbortController
  lastSignAt: number
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
  #lastId = 0

  constructor(stage: string, deps: PendingRepliesDeps) {
    this.#stage = stage
    this.#deps = deps
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
          lastSignAt: this.#deps.clock.monotonic(),
          resolve,
          reject,
          onProgress: options.onProgress,
        }
        this.#pending.set(id, pending)
        child.send(frame)
        if (options.stallLimitMs !== undefined)
          void this.#watchForStall(child, pending, options.stallLimitMs, options.lossClass)
      })
    } finally {
      this.#pending.delete(id)
      ended.abort()
    }
  }

  failAll(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error)
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
      this.#deps.log.warn({ stage: this.#stage, pid, id: frame.id }, 'a processor answered a request that is not open')
      return
    }
    pending.lastSignAt = this.#deps.clock.monotonic()
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
    for (;;) {
      const leftMs = pending.lastSignAt + limitMs - clock.monotonic()
      if (leftMs <= 0) break
      try {
        await clock.sleep(leftMs, pending.ended.signal)
      } catch {
        return
      }
    }
    log.error({ stage: this.#stage, pid: child.pid, limitMs }, 'a processor stalls: killed')
    pending.reject(
      new ProcessorError(
        'stalled',
        lossClass,
        `the ${this.#stage} processor ${child.name} gave no sign of life for ${limitMs} ms and was killed`,
        {
          stage: this.#stage,
          processor: child.name,
        },
      ),
    )
    child.kill()
  }

  #keepGarbage(line: string, pid: number): void {
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
