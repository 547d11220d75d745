import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { AnyResponseFrame, type Progress, ProgressFrame } from '../../rpc-schema/processor/frames.js'
import { LineSplitter } from '../sdk/line-splitter.js'

const STDERR_LINES = 20
const EXCERPT = 120
/** How long the pipes of a process may stay open after it exited: a grandchild may hold them. */
const DRAIN_MS = 500

/** What the subject did not do, in words: the finding of the check that asked for it. */
export class SubjectError extends Error {
  override readonly name = 'SubjectError'
}

export interface SubjectCommand {
  readonly bin: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

export interface Limits {
  readonly readyMs: number
  /** What is recommended. */
  readonly readySoonMs: number
  readonly answerMs: number
  /** From the end of stdin, or from SIGTERM, to the exit. */
  readonly exitMs: number
}

export interface Answer {
  readonly id: number
  readonly errMsg: string | null
  /** undefined: the member is not there. */
  readonly output: unknown
}

/** What came out of one life of the subject. */
export interface SubjectRecord {
  /** Whether it was told that progress is understood. */
  readonly progressAsked: boolean
  /** Ids of all requests sent. */
  readonly asked: Set<number>
  readonly answers: Answer[]
  readonly progress: { id: number; progress: Progress; afterAnswer: boolean }[]
  /** Beginnings of lines after the ready line that are no frames. */
  readonly stray: string[]
  /** Beginning of what came after the last line end, when it ended by itself. */
  halfLine: string | undefined
}

export interface FirstLine {
  readonly line: string
  readonly tookMs: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
}

/** One life of the executable that is tested. It leads a process group, as under a worker. */
export class Subject {
  readonly record: SubjectRecord
  /** Rejects with a SubjectError when there is no first line in time. */
  readonly firstLine: Promise<FirstLine>
  readonly exited: Promise<Exit>
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #limits: Limits
  readonly #stderr: string[] = []
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #exit: Exit | undefined
  #killed = false

  /** Rejects with a SubjectError when the program cannot be started. */
  static async start(
    { bin, args, env }: SubjectCommand,
    limits: Limits,
    progressAsked: boolean,
    onStderr?: (chunk: Buffer) => void,
  ): Promise<Subject> {
    const child = spawn(bin, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', error => reject(new SubjectError(`cannot be started: ${error.message}`)))
    })
    return new Subject(child, limits, progressAsked, onStderr)
  }

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    limits: Limits,
    progressAsked: boolean,
    onStderr?: (chunk: Buffer) => void,
  ) {
    this.#process = child
    this.#limits = limits
    this.record = { progressAsked, asked: new Set(), answers: [], progress: [], stray: [], halfLine: undefined }
    child.stdin.on('error', () => {})
    const stderr = new LineSplitter({ onLine: line => this.#keepStderr(line) }, 1 << 20)
    child.stderr.on('data', (chunk: Buffer) => {
      onStderr?.(chunk)
      stderr.push(chunk)
    })
    const startedAt = performance.now()
    let onFirst: ((line: string) => void) | undefined
    const first = new Promise<FirstLine>(resolve => {
      onFirst = line => resolve({ line, tookMs: Math.round(performance.now() - startedAt) })
    })
    const lines = new LineSplitter({
      onLine: line => {
        if (onFirst === undefined) return this.#onLine(line)
        onFirst(line)
        onFirst = undefined
      },
      onTooLong: (_bytes, start) => this.record.stray.push(start),
    })
    child.stdout.on('data', (chunk: Buffer) => lines.push(chunk))
    this.exited = this.#watch(lines)
    this.firstLine = this.#within(first, limits.readyMs, 'no line on stdout')
    this.firstLine.catch(() => {})
  }

  get running(): boolean {
    return this.#exit === undefined
  }

  /** The last lines of its log, oldest first. */
  get stderr(): readonly string[] {
    return [...this.#stderr]
  }

  send(bytes: string | Uint8Array): void {
    if (this.#process.stdin.writable) this.#process.stdin.write(bytes)
  }

  /** An id that was not used yet in this process; the first one is 1. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  /** The line of a request, with further members when the check wants such. */
  line(id: number, task: unknown, more: object = {}): string {
    this.record.asked.add(id)
    return `${JSON.stringify({ id, task, ...more })}\n`
  }

  /** Sends one request and resolves with its answer. Rejects with a SubjectError when there is none in time. */
  ask(task: unknown, more: object = {}): Promise<Answer> {
    const id = this.nextId()
    const answer = this.answerTo(id)
    this.send(this.line(id, task, more))
    return answer
  }

  answerTo(id: number): Promise<Answer> {
    const there = this.record.answers.find(answer => answer.id === id)
    if (there !== undefined) return Promise.resolve(there)
    const answer = new Promise<Answer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    return this.#within(answer, this.#limits.answerMs, `no answer to request ${id}`).finally(() =>
      this.#waiting.delete(id),
    )
  }

  closeStdin(): void {
    this.#process.stdin.end()
  }

  /** To the whole group, as a worker does. */
  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL') this.#killed = true
    try {
      process.kill(-this.#process.pid!, signal)
    } catch {
      // Nobody is left in the group.
    }
  }

  /** Resolves with the exit; rejects with a SubjectError when it lives on after its time. */
  exitInTime(): Promise<Exit> {
    return this.#within(this.exited, this.#limits.exitMs, 'still running', false)
  }

  /** Ends it in good order, or by force when it does not end. */
  async end(): Promise<void> {
    this.closeStdin()
    await this.exitInTime().catch(() => {})
    await this.kill()
  }

  async kill(): Promise<void> {
    if (this.running) this.signal('SIGKILL')
    await this.exited
  }

  #keepStderr(line: string): void {
    this.#stderr.push(line.slice(0, 500))
    if (this.#stderr.length > STDERR_LINES) this.#stderr.shift()
  }

  #onLine(line: string): void {
    const { asked: _, answers, progress, stray } = this.record
    const frame = readFrame(line)
    if (frame === undefined) stray.push(line.slice(0, EXCERPT))
    else if ('progress' in frame)
      progress.push({ ...frame, afterAnswer: answers.some(answer => answer.id === frame.id) })
    else {
      answers.push(frame)
      this.#waiting.get(frame.id)?.resolve(frame)
    }
  }

  async #watch(lines: LineSplitter): Promise<Exit> {
    const closed = new Promise<void>(resolve => this.#process.once('close', () => resolve()))
    const exit = await new Promise<Exit>(resolve =>
      this.#process.once('exit', (code, signal) => resolve({ code, signal })),
    )
    const timer = new AbortController()
    await Promise.race([closed, delay(DRAIN_MS, timer.signal)])
    timer.abort()
    this.#exit = exit
    // What it left behind in its group must not outlive the test.
    const killed = this.#killed
    this.signal('SIGKILL')
    for (const stream of [this.#process.stdin, this.#process.stdout, this.#process.stderr]) stream.destroy()
    if (!killed && exit.signal !== 'SIGKILL') this.record.halfLine = lines.rest()?.slice(0, EXCERPT)
    for (const waiting of this.#waiting.values()) waiting.reject(new SubjectError(`it ended: ${exitText(exit)}`))
    return exit
  }

  async #within<T>(promise: Promise<T>, ms: number, missing: string, untilExit = true): Promise<T> {
    const timer = new AbortController()
    const late = delay(ms, timer.signal).then(() => {
      throw new SubjectError(`${missing} within ${ms} ms`)
    })
    const gone = this.exited.then(exit => {
      throw new SubjectError(`${missing}: it ended, ${exitText(exit)}`)
    })
    gone.catch(() => {})
    try {
      return await Promise.race(untilExit ? [promise, late, gone] : [promise, late])
    } finally {
      timer.abort()
    }
  }
}

/** Resolves after `ms`; never when aborted before. */
function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}

function readFrame(line: string): Answer | { id: number; progress: Progress } | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if ('progress' in value) return ProgressFrame.safeParse(value).data
  const frame = AnyResponseFrame.safeParse(value)
  if (!frame.success) return undefined
  return { id: frame.data.id, errMsg: frame.data.err_msg, output: 'output' in value ? value.output : undefined }
}

export const exitText = ({ code, signal }: Exit): string =>
  signal === null ? `exit code ${code}` : `killed by ${signal}`
