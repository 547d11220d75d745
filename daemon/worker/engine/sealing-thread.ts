import { SealError } from '../../../rpc-schema/seal-error.js'
import { isSectorState, SECTOR_STATES, type SectorStateName } from '../../../rpc-schema/worker/sector-states.js'
import type { ThreadInfo, ThreadProgress } from '../../../rpc-schema/worker/thread-info.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { HotConfig } from '../config/hot-config.js'
import { applyOverrides, type SealingConfig } from '../config/sealing-config.js'
import type { Processors } from '../processors/processors.js'
import type { SealingStore } from '../store/sealing-store.js'
import { newRecord, type SectorRecord } from '../store/sector-record.js'
import { classified, failureText, Interrupt } from './failure.js'
import type { Job, JobContext, JobEnvironment, JobPlan } from './job-plan.js'
import { merged, missingFor, type Plan } from './plan.js'
import type { StageProgress } from './stage-progress.js'
import { Task } from './task.js'
import { TaskRunner } from './task-runner.js'
import { ThreadStatus } from './thread-status.js'

export interface SealingThreadParts {
  readonly index: number
  /** Of the main configuration file, common and own settings together. */
  readonly plan: string
  readonly config: SealingConfig
  /** None: the thread works off jobs that live in memory. */
  readonly store: SealingStore | undefined
  readonly plans: ReadonlyMap<string, Plan>
  readonly jobPlans: ReadonlyMap<string, JobPlan>
  readonly environment: JobEnvironment
  readonly processors: Processors
  readonly clock: Clock
  readonly log: Logger
  /** The worker's name. */
  readonly instance: string
}

/** How a thread without a store is listed. */
const NO_LOCATION = '-'
/** A thread that nobody resumes says so again after this time. */
const PAUSE_REMINDER_MS = 60_000

/** One loop over one sealing store, or over jobs that need none: take a task, carry it through its plan, pause when a person has to decide. */
export class SealingThread {
  readonly index: number
  readonly status: ThreadStatus
  /** The settings beside the store, where there is one. */
  readonly hot: HotConfig | undefined
  readonly #parts: SealingThreadParts
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #abandon = new AbortController()
  /** Aborted by a pause; renewed by a resume. */
  #pause = new AbortController()
  #target: SectorStateName | undefined
  /** Taken and not worked off yet. */
  #job: Job | undefined
  #resumed: (() => void) | undefined
  #running: Promise<void> | undefined
  #draining = false
  /** The sector in the store as this thread knows it; undefined before it has looked. */
  #task: Task | 'none' | undefined

  constructor(parts: SealingThreadParts) {
    this.index = parts.index
    this.#parts = parts
    this.#log = parts.log.child({ thread: parts.index })
    this.hot = parts.store && new HotConfig(parts.store.hotConfigFile)
    this.status = new ThreadStatus(parts.clock, parts.plan)
  }

  get location(): string {
    return this.#parts.store?.root ?? NO_LOCATION
  }

  get paused(): boolean {
    return this.status.activity.kind === 'Paused'
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Takes no new sector from now on, or does so again; lasts as long as this process. False when that was so already. */
  drain(on: boolean): boolean {
    if (this.#draining === on) return false
    this.#draining = on
    this.#log.info({ sector: this.status.jobId }, on ? 'draining' : 'drain lifted')
    return true
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

  /**
   * Lets a paused thread go on, which drains on if it did; one that is not paused takes new sectors again. False when it did that
   * already. Throws a RangeError for a state in which its sector cannot go on.
   */
  async resume(state?: string | null): Promise<boolean> {
    if (!this.paused) return state == null && this.drain(false)
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
    const { activity, elapsedSeconds, progress } = status
    return {
      ...(this.#draining && { drain: this.#holdsNothing ? 'drained' : 'draining' }),
      index: this.index,
      location: this.location,
      plan: status.plan,
      job_id: status.jobId,
      job_state: status.jobState ?? '',
      job_stage: status.jobStage,
      ...(progress && { progress: progressInfo(progress) }),
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
        const restMs = await this.#workOnce().catch(error => this.#dropAborted(error))
        this.status.clearJob()
        this.status.set({ kind: 'Idle' })
        await this.#parts.clock.sleep(restMs, this.#interrupt)
      } catch (error) {
        if (!this.#stop.signal.aborted) await this.#paused(classified(error))
      }
    }
  }

  /** One task from the record in the store, the job at hand, or a new one. Gives the time to rest before the next, ms. */
  async #workOnce(): Promise<number> {
    const { store, jobPlans } = this.#parts
    this.status.set({ kind: 'Running', proc: null })
    const changed = await this.#reloadHotConfig()
    this.status.plan = this.#planName
    const found = await store?.journal.load()
    const jobPlan = jobPlans.get(this.#planName)
    if (this.#job !== undefined) await this.#workOff(this.#job)
    else if (jobPlan !== undefined && (found === undefined || found.state === 'Empty')) {
      this.#task = 'none'
      const job = this.#draining ? undefined : await this.#takeJob(jobPlan)
      if (job === undefined) return this.#config.recoverIntervalMs
      await this.#workOff(job)
      if (job.hurries) return 0
    } else {
      if (store === undefined)
        throw new SealError('critical', `plan ${this.#planName} needs a sealing store (location)`)
      await this.#seal(store, changed && found ? this.#replan(found) : (found ?? newRecord(this.#planName)))
    }
    return this.#config.sealIntervalMs
  }

  async #seal(store: SealingStore, record: SectorRecord): Promise<void> {
    const { plans, environment, processors, clock, instance } = this.#parts
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
    this.#task = task
    const runner = new TaskRunner({
      plan,
      task,
      store,
      status: this.status,
      interrupt,
      mayTake: () => !this.#draining,
      reporter: { instance, location: store.root },
    })
    const target = this.#target
    this.#target = undefined
    if ((await runner.run(target)) !== 'idle') this.#task = 'none'
  }

  /** Neither has a sector nor is about to get one. */
  get #holdsNothing(): boolean {
    const task = this.#task
    if (task === undefined || this.#job !== undefined || this.status.activity.kind === 'Running') return false
    return task === 'none' || task.record.base === null
  }

  async #takeJob(plan: JobPlan): Promise<Job | undefined> {
    this.#job = await plan.take(this.#jobContext())
    return this.#job
  }

  /** A pause leaves the job at hand. */
  async #workOff(job: Job): Promise<void> {
    const target = this.#target
    this.#target = undefined
    try {
      if (target === undefined) await job.run(this.#jobContext())
      else await job.giveUp(this.#jobContext(), 'given up by the operator')
    } finally {
      if (job.over || !this.#interrupt.aborted) {
        this.#job = undefined
        this.status.clearJob()
      }
    }
  }

  #jobContext(): JobContext {
    const { environment, processors, clock, instance } = this.#parts
    return {
      environment,
      processors,
      clock,
      instance,
      config: this.#config,
      log: this.#log,
      status: this.status,
      signals: { interrupt: this.#interrupt, abandon: this.#abandon.signal },
    }
  }

  async #reloadHotConfig(): Promise<boolean> {
    if (this.hot === undefined) return false
    let changed: boolean
    try {
      changed = await this.hot.reload()
    } catch (error) {
      throw new SealError('critical', 'the settings of this thread cannot be used', { cause: error })
    }
    if (!changed) return false
    for (const { line, path, message } of this.hot.settings.warnings) {
      this.#log.warn({ file: this.#parts.store?.hotConfigFile, line, key: path }, message)
    }
    this.#log.info({ plan: this.#planName }, 'settings of this thread loaded again')
    return true
  }

  /**
   * With a new plan in the settings, a sector on which no work was spent makes room for it; one with work in it is finished first.
   * A number that was taken is handed back in order, so that no record of it stays behind at the manager.
   */
  #replan(record: SectorRecord): SectorRecord {
    if (record.plan === this.#planName) return record
    if (record.state === 'Empty') return newRecord(this.#planName)
    if (record.state !== 'Allocated' || this.#parts.plans.get(record.plan)?.fromQueue) return record
    const reason = `the thread was given the plan ${this.#planName} before work on the sector began`
    return { ...merged(record, { sealyard: { abort_reason: reason } }), state: 'Aborted' }
  }

  get #planName(): string {
    return this.hot?.settings.plan ?? this.#parts.plan
  }

  get #config(): SealingConfig {
    return applyOverrides(this.#parts.config, this.hot?.settings.sealing)
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
  #dropAborted(error: unknown): number {
    const failure = classified(error)
    if (failure.class !== 'abort') throw failure
    this.#log.warn({ err: failure }, 'task dropped')
    return this.#config.sealIntervalMs
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
    if (this.#job !== undefined) {
      if (state === 'Aborted') return state
      throw new RangeError(`a job cannot be set to ${state}, only to Aborted, which gives it up`)
    }
    const record = await this.#parts.store?.journal.load()
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

function progressInfo({ done, etaSeconds, step }: StageProgress): ThreadProgress {
  return {
    ...(etaSeconds !== undefined && { eta: etaSeconds }),
    ...(done !== undefined && { percent: Math.floor(done * 1_000) / 10 }),
    ...(step !== undefined && { step }),
  }
}
