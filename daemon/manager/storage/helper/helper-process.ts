import { type ChildProcess, fork } from 'node:child_process'
import { setPriority } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { programModule } from '../../../kit/program-module.js'
import { DeadlineError } from '../../concurrency/deadline.js'
import {
  type CancelFrame,
  type HelperTask,
  OPERATIONS,
  type OperationName,
  type OperationRequest,
  type OperationResult,
  ReplyFrame,
  type RequestFrame,
} from './protocol.js'

/** Looked for at every start: the programs may have been built anew meanwhile. */
const program = (): string => fileURLToPath(programModule('daemon/manager/storage/helper/helper-main.js'))

/** A file system's threads, so that some slow looks do not hold up the others. */
const FILE_THREADS = '16'

const HELPER_ENVIRONMENT = {
  UV_THREADPOOL_SIZE: FILE_THREADS,
  // The AWS SDK's word on later versions of Node is nothing an operator can act on.
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
}

/** The helper refused or failed; `code` as the system or the store gave it. */
export class StoreError extends Error {
  readonly code: string | undefined

  constructor(message: string, code: string | undefined) {
    super(message)
    this.name = 'StoreError'
    this.code = code
  }
}

/** The helper is gone without an answer. */
export class HelperGoneError extends Error {
  constructor(store: string, how: string) {
    super(`the helper of store ${store} ended without an answer: ${how}`)
    this.name = 'HelperGoneError'
  }
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
  readonly timer: NodeJS.Timeout
}

export interface RequestOptions {
  readonly identity?: string | undefined
  readonly limitMs: number
}

/** One helper: a process that touches one store and can be killed at any time. */
export class HelperProcess {
  readonly #child: ChildProcess
  readonly #store: string
  readonly #waiting = new Map<number, Waiting>()
  readonly #exited: Promise<void>
  #lastId = 0
  #gone: string | undefined

  constructor(task: HelperTask, options: { streams?: boolean; heapMiB?: number; niceness?: number } = {}) {
    this.#store = task.name
    this.#child = fork(program(), [JSON.stringify(task)], {
      stdio: options.streams ? ['pipe', 'pipe', 'inherit', 'ipc'] : ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [`--max-old-space-size=${options.heapMiB ?? 256}`],
      env: { ...process.env, ...HELPER_ENVIRONMENT },
    })
    if (options.niceness && this.#child.pid !== undefined) setPriority(this.#child.pid, options.niceness)
    this.#child.on('message', message => this.#reply(message))
    this.#child.on('error', error => this.#over(error.message))
    this.#exited = new Promise(resolve => {
      this.#child.once('exit', (code, signal) => {
        this.#over(signal === null ? `exit code ${code}` : `killed by ${signal}`)
        resolve()
      })
    })
    // A helper that waits for its next request does not keep the daemon alive.
    this.#child.unref()
    this.#child.channel?.unref()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isGone(): boolean {
    return this.#gone !== undefined
  }

  get busy(): number {
    return this.#waiting.size
  }

  /** When the process is really gone; one in an uninterruptible wait outlasts its kill. */
  get exited(): Promise<void> {
    return this.#exited
  }

  get content(): Readable {
    return this.#child.stdout!
  }

  get sink(): Writable {
    return this.#child.stdin!
  }

  /** Rejects with a DeadlineError when there is no answer in time; the process is left to the caller. */
  request<N extends OperationName>(
    op: N,
    request: OperationRequest<N>,
    { identity, limitMs }: RequestOptions,
  ): Promise<OperationResult<N>> {
    if (this.#gone !== undefined) return Promise.reject(new HelperGoneError(this.#store, this.#gone))
    const id = ++this.#lastId
    const frame: RequestFrame = { id, op, request, ...(identity !== undefined && { identity }) }
    const answer = new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new DeadlineError(`${op} in the store ${this.#store}`, limitMs))
      }, limitMs)
      this.#waiting.set(id, { resolve, reject, timer })
      this.#child.send(frame, error => {
        if (error) this.#over(error.message)
      })
    })
    return answer.then(result => OPERATIONS[op].result.parse(result) as OperationResult<N>)
  }

  /** The content being written will not come to its end. */
  cancelContent(): void {
    if (this.#gone === undefined) this.#child.send({ cancel: true } satisfies z.infer<typeof CancelFrame>, () => {})
  }

  kill(why: string): void {
    this.#over(why)
    this.#child.kill('SIGKILL')
  }

  /** Lets it go when it has nothing to do. */
  release(): void {
    this.#gone ??= 'released'
    if (this.#child.connected) this.#child.disconnect()
  }

  #reply(message: unknown): void {
    const frame = ReplyFrame.safeParse(message)
    if (!frame.success) {
      this.kill('an answer that is none')
      return
    }
    const waiting = this.#waiting.get(frame.data.id)
    if (waiting === undefined) return
    this.#waiting.delete(frame.data.id)
    clearTimeout(waiting.timer)
    if ('error' in frame.data) waiting.reject(new StoreError(frame.data.error.message, frame.data.error.code))
    else waiting.resolve(frame.data.result)
  }

  #over(how: string): void {
    this.#gone ??= how
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(new HelperGoneError(this.#store, this.#gone))
    }
    this.#waiting.clear()
  }
}
