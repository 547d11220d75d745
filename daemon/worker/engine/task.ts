import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { SealingConfig } from '../config/sealing-config.js'
import type { LimitName, Processors, StageName, StageOutput, StageTask } from '../processors/processors.js'
import type { SealingStore, SectorPaths } from '../store/sealing-store.js'
import type { OutputFile, Phases, SectorRecord } from '../store/sector-record.js'
import { syncOutputs } from '../store/sync-outputs.js'
import { callManager, Interrupt } from './failure.js'
import { merged, type PlanEnvironment, type RecordChanges, type StepContext } from './plan.js'
import type { ThreadStatus } from './thread-status.js'

/** How a thread is told to let go. */
export interface TaskSignals {
  /** Ends waits and keeps the next step from starting: a pause or a stop. */
  readonly interrupt: AbortSignal
  /** Ends everything, running stages included: a stop whose patience is over. */
  readonly abandon: AbortSignal
}

export interface TaskParts {
  readonly environment: PlanEnvironment
  readonly processors: Processors
  readonly store: SealingStore
  readonly config: SealingConfig
  readonly clock: Clock
  readonly log: Logger
  readonly status: ThreadStatus
  readonly signals: TaskSignals
}

/** One sector in one sealing store: its record, and what steps may do with it. */
export class Task implements StepContext {
  readonly manager: StepContext['manager']
  readonly managerOrigin: string
  readonly stores: StepContext['stores']
  readonly localPiecesDirs: readonly string[]
  readonly staticTreeD: ReadonlyMap<number, string>
  readonly random: () => number
  readonly config: SealingConfig
  readonly log: Logger
  readonly #parts: TaskParts
  #record: SectorRecord

  constructor(parts: TaskParts, record: SectorRecord) {
    this.#parts = parts
    this.#record = record
    const { environment } = parts
    this.manager = environment.manager
    this.managerOrigin = environment.managerOrigin
    this.stores = environment.stores
    this.localPiecesDirs = environment.localPiecesDirs
    this.staticTreeD = environment.staticTreeD
    this.random = environment.random
    this.config = parts.config
    this.log = parts.log
  }

  get record(): SectorRecord {
    return this.#record
  }

  get sector(): AllocatedSector {
    const allocated = this.#record.base?.allocated
    if (allocated === undefined) throw new SealError('permanent', 'the record names no sector')
    return allocated
  }

  /** `s-t01000-7`, or undefined before a sector is allocated. */
  get jobId(): string | undefined {
    const base = this.#record.base
    return base === null ? undefined : sectorName(base.allocated.ID)
  }

  get paths(): SectorPaths {
    return this.#parts.store.sector(this.sector.ID)
  }

  now(): number {
    return this.#parts.clock.now()
  }

  need<K extends keyof Phases>(key: K): NonNullable<Phases[K]> {
    const value = this.#record.phases[key]
    if (value === null) throw new SealError('permanent', `the record of the sector lacks ${key}`)
    return value as NonNullable<Phases[K]>
  }

  async save(changes: RecordChanges): Promise<void> {
    await this.replace(merged(this.#record, changes))
  }

  /** Journals the record as a whole. */
  async replace(record: SectorRecord): Promise<void> {
    await this.#parts.store.journal.save(record)
    this.#record = record
  }

  writeOutput(stage: string, json: unknown): Promise<OutputFile> {
    return this.#parts.store.journal.writeOutput(stage, json)
  }

  readOutput(output: OutputFile): Promise<unknown> {
    return this.#parts.store.journal.readOutput(output)
  }

  async call<T>(call: Promise<T>): Promise<T> {
    const result = await this.#unlessAbandoned(callManager(call))
    this.#parts.status.managerAnswered()
    return result
  }

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

  async sync(...outputs: readonly string[]): Promise<void> {
    await this.#unlessAbandoned(syncOutputs(this.paths.data, outputs))
  }

  async runStage<S extends StageName>(stage: S, task: StageTask<S>): Promise<StageOutput<S>> {
    const { processors, status, signals } = this.#parts
    let started = false
    status.set({ kind: 'Waiting' })
    const run = processors.run(stage, task, {
      signal: signals.abandon,
      waitSignal: signals.interrupt,
      sector: this.jobId,
      onStart: proc => {
        started = true
        status.set({ kind: 'Running', proc })
      },
    })
    const output = await this.#unlessAbandoned(run).catch((error: unknown) => {
      throw signals.interrupt.aborted && !started ? new Interrupt() : error
    })
    status.set({ kind: 'Running', proc: null })
    return output
  }

  async #unlessAbandoned<T>(work: Promise<T>): Promise<T> {
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
