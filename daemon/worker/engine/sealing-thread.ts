import { SealError } from '../../../rpc-schema/seal-error.js'
import { isSectorState, SECTOR_STATES, type SectorStateName } from '../../../rpc-schema/worker/sector-states.js'
import type { ThreadInfo } from '../../../rpc-schema/worker/thread-info.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { HotConfig } from '../config/hot-config.js'
import { applyOverrides, type SealingConfig } from '../config/sealing-config.js'
import type { Processors } from '../processors/processors.js'
import type { SealingStore } from '../store/sealing-store.js'
import { newRecord, type SectorRecord } from '../store/sector-record.js'
import { classified, failureText, Interrupt } from './failure.js'
import { merged, missingFor, type Plan, type PlanEnvironment } from './plan.js'
import { Task } from './task.js'
import { TaskRunner } from './task-runner.js'
import { ThreadStatus } from './thread-status.js'

export interface SealingThreadParts {
  readonly index: number
  /** Of the main configuration file, common and own settings together. */
  readonly plan: string
  readonly config: SealingConfig
  readonly store: SealingStore
  readonly plans: ReadonlyMap<string, Plan>
  readonly environment: PlanEnvironment
  readonly processors: Processors
  readonly clock: Clock
  readonly log: Logger
  /** The worker's name. */
  readonly instance: string
}

/** A thread that nobody resumes says so again after this time. */
const PAUSE_REMINDER_MS = 60_000

/** One loop over one sealing store: take a task, carry it through its plan, pause when a person has to decide. */
export class SealingThread {
  readonly index: number
  readonly status: ThreadStatus
  readonly hot: HotConfig
  readonly #parts: SealingThreadParts
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #abandon = new AbortController()
  /** Aborted by a pause; renewed by a resume. */
  #pause = new AbortController()
  #target: SectorStateName | undefined
  #resumed: (() => void) | undefined
  #running: Promise<void> | undefined

  constructor(parts: SealingThreadParts) {
    this.index = parts.index
    this.#parts = parts
    this.#log = parts.log.child({ thread: parts.index })
    this.hot = new HotConfig(parts.store.hotConfigFile)
    this.status = new ThreadStatus(parts.clock, parts.plan)
  }

  get location(): string {
    return this.#parts.store.root
  }

  get paused(): boolean {
    return this.status.activity.kind === 'Paused'
  }

  /** Begins once `permission` resolves. */
  start(permission: Promise<void>): void {
    this.#running = this.#loop(permission)
  }

  /** Takes effect at the next point between two stages or in a wait; false when a pause is already on its way. */
  pause(): boolean {
    if (this.paused) return true
    if (this.#pause.signal.aborted) return false
    this.#pause.abort(new Interrupt())
    return true
  }

  /** False when the thread is not paused. Throws a RangeError for a state in which its sector cannot go on. */
  async resume(state?: string | null): Promise<boolean> {
    if (!this.paused) return false
    const target = state == null ? undefined : await this.#checkTarget(state)
    const resumed = this.#resumed
    if (resumed === undefined) return false
    this.#target = target
    this.#resumed = undefined
    resumed()
    return true
  }

  /** Waits up to `graceMs` for a running stage to end, then leaves it; its step is run again at the next start. The store stays open. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort(new Interrupt())
    this.#resumed?.()
    const patience = setTimeout(() => this.#abandon.abort(new Interrupt()), graceMs)
    await this.#running
    clearTimeout(patience)
  }

  info(): ThreadInfo {
    const { status } = this
    const { activity, elapsedSeconds } = status
    return {
      index: this.index,
      location: this.location,
      plan: status.plan,
      job_id: status.jobId,
      job_state: status.jobState ?? '',
      job_stage: status.jobStage,
      last_error: status.lastError,
      thread_state:
        activity.kind === 'Idle'
          ? { state: 'Idle' }
          : activity.kind === 'Running'
            ? { state: 'Running', elapsed: elapsedSeconds, proc: activity.proc }
            : { state: activity.kind, elapsed: elapsedSeconds },
    }
  }

  async #loop(permission: Promise<void>): Promise<void> {
    await Promise.race([permission, this.#stopped()])
    while (!this.#stop.signal.aborted) {
      try {
        await this.#sealOne().catch(error => this.#dropAborted(error))
        this.status.clearJob()
        this.status.set({ kind: 'Idle' })
        await this.#parts.clock.sleep(this.#config.sealIntervalMs, this.#interrupt)
      } catch (error) {
        if (!this.#stop.signal.aborted) await this.#paused(classified(error))
      }
    }
  }

  /** One task from the record in the store, or a new one. */
  async #sealOne(): Promise<void> {
    const { store, plans, environment, processors, clock, instance } = this.#parts
    this.status.set({ kind: 'Running', proc: null })
    const changed = await this.#reloadHotConfig()
    this.status.plan = this.#planName
    const found = await store.journal.load()
    const record = changed && found ? await this.#replan(found) : (found ?? newRecord(this.#planName))
    const plan = plans.get(record.plan)
    if (plan === undefined) {
      throw new SealError(
        'critical',
        `plan ${JSON.stringify(record.plan)} of the sector in ${store.root} is not supported by this version`,
      )
    }
    const interrupt = this.#interrupt
    const task = new Task(
      {
        environment,
        processors,
        store,
        config: this.#config,
        clock,
        log: this.#log,
        status: this.status,
        signals: { interrupt, abandon: this.#abandon.signal },
      },
      record,
    )
    const runner = new TaskRunner({
      plan,
      task,
      store,
      status: this.status,
      interrupt,
      reporter: { instance, location: store.root },
    })
    const target = this.#target
    this.#target = undefined
    await runner.run(target)
  }

  async #reloadHotConfig(): Promise<boolean> {
    let changed: boolean
    try {
      changed = await this.hot.reload()
    } catch (error) {
      throw new SealError('critical', 'the settings of this thread cannot be used', { cause: error })
    }
    if (!changed) return false
    for (const { line, path, message } of this.hot.settings.warnings) {
      this.#log.warn({ file: this.#parts.store.hotConfigFile, line, key: path }, message)
    }
    this.#log.info({ plan: this.#planName }, 'settings of this thread loaded again')
    return true
  }

  /**
   * With a new plan in the settings, a sector on which no work was spent makes room for it; one with work in it is finished first.
   * A number that was taken is handed back in order, so that no record of it stays behind at the manager.
   */
  async #replan(record: SectorRecord): Promise<SectorRecord> {
    if (record.plan === this.#planName) return record
    if (record.state === 'Empty') return newRecord(this.#planName)
    if (record.state !== 'Allocated') return record
    const reason = `the thread was given the plan ${this.#planName} before work on the sector began`
    return { ...merged(record, { sealyard: { abort_reason: reason } }), state: 'Aborted' }
  }

  get #planName(): string {
    return this.hot.settings.plan ?? this.#parts.plan
  }

  get #config(): SealingConfig {
    return applyOverrides(this.#parts.config, this.hot.settings.sealing)
  }

  get #interrupt(): AbortSignal {
    return AbortSignal.any([this.#pause.signal, this.#stop.signal])
  }

  #stopped(): Promise<void> {
    const { signal } = this.#stop
    return new Promise(resolve => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Nothing is left of such a task; the thread takes another. */
  #dropAborted(error: unknown): void {
    const failure = classified(error)
    if (failure.class !== 'abort') throw failure
    this.#log.warn({ err: failure }, 'task dropped')
  }

  /** Returns when someone resumes the thread or stops the worker. */
  async #paused(failure: SealError): Promise<void> {
    const { status } = this
    this.#pause = new AbortController()
    if (failure instanceof Interrupt) this.#log.info({ sector: status.jobId }, 'paused')
    else {
      status.lastError = failureText(failure)
      this.#log.error({ err: failure, sector: status.jobId, state: status.jobState }, `paused: ${status.lastError}`)
    }
    status.set({ kind: 'Paused' })
    await this.#resumption()
    this.#log.info({ sector: status.jobId, target: this.#target }, 'resumed')
    status.lastError = null
    status.set({ kind: 'Idle' })
  }

  async #resumption(): Promise<void> {
    const over = new AbortController()
    const resumed = new Promise<void>(resolve => {
      this.#resumed = resolve
    }).finally(() => over.abort())
    const remind = async (): Promise<void> => {
      for (;;) {
        await this.#parts.clock.sleep(PAUSE_REMINDER_MS, over.signal)
        this.#log.warn(
          { sector: this.status.jobId, lastError: this.status.lastError },
          'still paused, waiting to be resumed',
        )
      }
    }
    remind().catch(() => {})
    if (this.#stop.signal.aborted) this.#resumed?.()
    await resumed
  }

  async #checkTarget(state: string): Promise<SectorStateName> {
    if (!isSectorState(state)) {
      throw new RangeError(`unknown state ${JSON.stringify(state)}, expected one of ${SECTOR_STATES.join(', ')}`)
    }
    const record = await this.#parts.store.journal.load()
    if (record === undefined) throw new RangeError(`thread #${this.index} has no sector to set to a state`)
    if (state === 'Aborted') return state
    const plan = this.#parts.plans.get(record.plan)
    const missing = plan && missingFor(plan, state, record)
    if (missing === undefined) throw new RangeError(`plan ${record.plan} has no state ${state}`)
    if (state === 'Empty') throw new RangeError('a sector cannot go back to Empty; Aborted gives it up')
    if (missing.length > 0)
      throw new RangeError(`the sector cannot go on in ${state}: its record lacks ${missing.join(', ')}`)
    return state
  }
}
