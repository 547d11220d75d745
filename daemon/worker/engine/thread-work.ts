import type { Clock } from '../../kit/clock.js'
import type { LimitName, Processors, Progress, StageName, StageOutput, StageTask } from '../processors/processors.js'
import { callManager, Interrupt } from './failure.js'
import type { ThreadStatus } from './thread-status.js'

/** How a thread is told to let go. */
export interface TaskSignals {
  /** Ends waits and keeps the next step from starting: a pause or a stop. */
  readonly interrupt: AbortSignal
  /** Ends everything, running stages included: a stop whose patience is over. */
  readonly abandon: AbortSignal
}

export interface ThreadWorkParts {
  readonly processors: Processors
  readonly clock: Clock
  readonly status: ThreadStatus
  readonly signals: TaskSignals
}

/** Work that ends when the signal aborts, and may tell how far it is. */
export type BusyBody<T> = (signal: AbortSignal, tell: (progress: Progress) => void) => Promise<T>

/** What the steps of a thread do besides thinking: call, wait, compute. Each shows in the thread's status and ends when the thread has to let go. */
export class ThreadWork {
  readonly #parts: ThreadWorkParts

  constructor(parts: ThreadWorkParts) {
    this.#parts = parts
  }

  /** Calls the manager; see `callManager` for the classes of its errors. */
  async call<T>(call: Promise<T>): Promise<T> {
    const result = await this.unlessAbandoned(callManager(call))
    this.#parts.status.managerAnswered()
    return result
  }

  /** Waits; a pause or a stop ends it with an Interrupt. */
  async wait(ms: number): Promise<void> {
    const { clock, status, signals } = this.#parts
    const before = status.activity
    status.set({ kind: 'Waiting' })
    try {
      await clock.sleep(ms, signals.interrupt)
    } catch (error) {
      throw signals.interrupt.aborted ? new Interrupt() : error
    }
    status.set(before)
  }

  /** Runs `body` under the limits of a stage. */
  async limited<T>(limit: LimitName, body: () => Promise<T>): Promise<T> {
    const { processors, status, signals } = this.#parts
    status.set({ kind: 'Waiting' })
    const release = await processors.acquire(limit, signals.interrupt).catch((error: unknown) => {
      throw signals.interrupt.aborted ? new Interrupt() : error
    })
    try {
      status.set({ kind: 'Running', proc: null })
      return await body()
    } finally {
      release()
    }
  }

  /** `job` names the sector or the job in logs. */
  async runStage<S extends StageName>(stage: S, task: StageTask<S>, job: string | undefined): Promise<StageOutput<S>> {
    const { processors, status, signals } = this.#parts
    let started = false
    status.set({ kind: 'Waiting' })
    const run = processors.run(stage, task, {
      signal: signals.abandon,
      waitSignal: signals.interrupt,
      sector: job,
      onStart: proc => {
        started = true
        status.set({ kind: 'Running', proc })
      },
      onProgress: progress => status.progressed(progress),
    })
    const output = await this.unlessAbandoned(run).catch((error: unknown) => {
      throw signals.interrupt.aborted && !started ? new Interrupt() : error
    })
    status.set({ kind: 'Running', proc: null })
    return output
  }

  /** Long work that is no stage: shown under a name of its own, left alone by a pause, given the signal of a stop whose patience is over. */
  async busy<T>(name: string, body: BusyBody<T>): Promise<T> {
    const { status, signals } = this.#parts
    status.set({ kind: 'Running', proc: name })
    const result = await this.unlessAbandoned(body(signals.abandon, progress => status.progressed(progress)))
    status.set({ kind: 'Running', proc: null })
    return result
  }

  /** The work's own result; an Interrupt as soon as a stop loses its patience. */
  async unlessAbandoned<T>(work: Promise<T>): Promise<T> {
    const { abandon } = this.#parts.signals
    let stop: (() => void) | undefined
    const abandoned = new Promise<never>((_, reject) => {
      stop = () => reject(new Interrupt())
      if (abandon.aborted) stop()
      else abandon.addEventListener('abort', stop, { once: true })
    })
    try {
      return await Promise.race([work, abandoned])
    } catch (error) {
      throw abandon.aborted ? new Interrupt() : error
    } finally {
      if (stop) abandon.removeEventListener('abort', stop)
    }
  }
}
