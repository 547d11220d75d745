import { type Clock, systemClock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import { DeadlineError } from '../../concurrency/deadline.js'
import { CircuitBreaker } from './circuit-breaker.js'
import { HelperGoneError, HelperProcess } from './helper-process.js'
import type { HelperTask, OperationName, OperationRequest, OperationResult } from './protocol.js'

/** The store does not answer; it is asked again after a pause. */
export class HungStoreError extends Error {
  constructor(store: string, why: string) {
    super(`store ${store} does not answer: ${why}`)
    this.name = 'HungStoreError'
  }
}

export interface HelperLimits {
  /** For one request, ms. */
  requestMs: number
  /** A helper without work for so long ends. */
  idleMs: number
  /** Killed processes of one store that the system has not been able to end yet; with so many no further one is started. */
  stuck: number
  /** First pause before a store that has hung is asked again; doubles up to a minute. */
  pauseMs: number
}

export const HELPER_LIMITS: HelperLimits = { requestMs: 10_000, idleMs: 60_000, stuck: 2, pauseMs: 1_000 }

export interface StoreHelperOptions {
  task: HelperTask
  log: Logger
  clock?: Clock
  limits?: Partial<HelperLimits>
  /** Of its process, 0 to 19. */
  niceness?: number
}

/**
 * The helper of one store: a process that is started when it is needed, killed when an answer is overdue, and replaced. Everything that touches the
 * store goes through it, so that a mount that hangs holds a process that can be given up, never a thread of the daemon.
 */
export class StoreHelper {
  readonly #task: HelperTask
  readonly #log: Logger
  readonly #limits: HelperLimits
  readonly #niceness: number
  readonly #breaker: CircuitBreaker
  readonly #stuck = new Set<HelperProcess>()
  #process: HelperProcess | undefined
  #idle: NodeJS.Timeout | undefined
  #lastTrouble = ''
  #closed = false

  constructor({ task, log, clock = systemClock, limits, niceness = 0 }: StoreHelperOptions) {
    this.#task = task
    this.#log = log
    this.#niceness = niceness
    this.#limits = { ...HELPER_LIMITS, ...limits }
    this.#breaker = new CircuitBreaker({ now: () => clock.monotonic(), firstPauseMs: this.#limits.pauseMs })
  }

  get name(): string {
    return this.#task.name
  }

  /** Process id of the helper, as long as there is one. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  get isHung(): boolean {
    return this.#breaker.state !== 'closed'
  }

  /** Before there is anything to do. */
  start(): void {
    this.#running()
    this.#restIfIdle()
  }

  async request<N extends OperationName>(
    op: N,
    request: OperationRequest<N>,
    options: { identity?: string | undefined; limitMs?: number } = {},
  ): Promise<OperationResult<N>> {
    const limitMs = options.limitMs ?? this.#limits.requestMs
    return this.guarded(async () => {
      const process = this.#running()
      try {
        return await process.request(op, request, { identity: options.identity, limitMs })
      } catch (error) {
        if (error instanceof DeadlineError) this.#giveUp(process, error.message)
        throw error
      } finally {
        this.#restIfIdle()
      }
    })
  }

  /** Runs work on the store unless it is known to hang; what becomes of it decides whether it is asked again at once. */
  async guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new HungStoreError(this.name, 'the manager stops')
    if (!this.#breaker.enter())
      throw new HungStoreError(
        this.name,
        `${this.#lastTrouble}; it is asked again in ${Math.ceil(this.#breaker.pauseMs / 1000)} s`,
      )
    try {
      const result = await work()
      this.#recovered()
      return result
    } catch (error) {
      // A refusal is an answer: the store works.
      if (!isTrouble(error)) this.#recovered()
      else if (!this.#closed) {
        this.#breaker.failed()
        this.#report(error as Error)
      }
      throw error
    }
  }

  /** A helper of its own for a stream of content. */
  forStream(): HelperProcess {
    this.#refuseWhenStuck()
    return new HelperProcess(this.#task, { streams: true })
  }

  /** Kills a helper that is overdue; the system may take its time. */
  giveUp(process: HelperProcess, why: string): void {
    process.kill(why)
    this.#stuck.add(process)
    void process.exited.then(() => this.#stuck.delete(process))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#idle)
    this.#process?.kill('the manager stops')
    this.#process = undefined
  }

  #giveUp(process: HelperProcess, why: string): void {
    if (this.#process === process) this.#process = undefined
    if (!process.isGone) this.giveUp(process, why)
  }

  #running(): HelperProcess {
    clearTimeout(this.#idle)
    if (this.#process !== undefined && !this.#process.isGone) return this.#process
    this.#refuseWhenStuck()
    this.#process = new HelperProcess(this.#task, { niceness: this.#niceness })
    return this.#process
  }

  #refuseWhenStuck(): void {
    if (this.#stuck.size >= this.#limits.stuck)
      throw new HungStoreError(this.name, `${this.#stuck.size} helpers hang in it and cannot be ended`)
  }

  #restIfIdle(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (this.#process === undefined || this.#process.busy > 0) return
      this.#process.release()
      this.#process = undefined
    }, this.#limits.idleMs)
    this.#idle.unref()
  }

  #recovered(): void {
    if (this.#breaker.state !== 'closed') this.#log.info({ store: this.name }, 'the store answers again')
    this.#breaker.succeeded()
  }

  #report(error: Error): void {
    this.#lastTrouble = error.message
    this.#log.warn({ store: this.name, err: error }, `persist store in trouble: ${error.message}`)
  }
}

const isTrouble = (error: unknown): boolean =>
  error instanceof DeadlineError || error instanceof HelperGoneError || error instanceof HungStoreError
