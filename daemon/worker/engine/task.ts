import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'
import type { SealingConfig } from '../config/sealing-config.js'
import type { LimitName, StageName, StageOutput, StageTask } from '../processors/processors.js'
import type { SectorPaths } from '../store/sealing-store.js'
import type { SectorHome } from '../store/sector-home.js'
import type { OutputFile, Phases, SectorRecord } from '../store/sector-record.js'
import type { StageTimes } from '../store/stage-times.js'
import { syncOutputs } from '../store/sync-outputs.js'
import { merged, type PlanEnvironment, type RecordChanges, type StepContext } from './plan.js'
import { type BusyBody, ThreadWork, type ThreadWorkParts } from './thread-work.js'

export interface TaskParts extends ThreadWorkParts {
  readonly environment: PlanEnvironment
  readonly store: SectorHome
  readonly config: SealingConfig
  readonly log: Logger
}

/** One sector in one sealing store: its record, and what steps may do with it. */
export class Task implements StepContext {
  readonly manager: StepContext['manager']
  readonly managerOrigin: string
  readonly managerToken: string | undefined
  readonly stores: StepContext['stores']
  readonly localPiecesDirs: readonly string[]
  readonly staticTreeD: ReadonlyMap<number, string>
  readonly random: () => number
  readonly pieceCommitment: StepContext['pieceCommitment']
  readonly verifyUpdate: StepContext['verifyUpdate']
  readonly clock: StepContext['clock']
  readonly config: SealingConfig
  readonly log: Logger
  readonly #parts: TaskParts
  readonly #work: ThreadWork
  #record: SectorRecord

  constructor(parts: TaskParts, record: SectorRecord) {
    this.#parts = parts
    this.#work = new ThreadWork(parts)
    this.#record = record
    const { environment } = parts
    this.manager = environment.manager
    this.managerOrigin = environment.managerOrigin
    this.managerToken = environment.managerToken
    this.stores = environment.stores
    this.localPiecesDirs = environment.localPiecesDirs
    this.staticTreeD = environment.staticTreeD
    this.random = environment.random
    this.pieceCommitment = environment.pieceCommitment
    this.verifyUpdate = environment.verifyUpdate
    this.clock = parts.clock
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

  get stageTimes(): StageTimes {
    return this.#parts.store.stageTimes
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

  call<T>(call: Promise<T>): Promise<T> {
    return this.#work.call(call)
  }

  wait(ms: number): Promise<void> {
    return this.#work.wait(ms)
  }

  limited<T>(limit: LimitName, body: () => Promise<T>): Promise<T> {
    return this.#work.limited(limit, body)
  }

  busy<T>(name: string, body: BusyBody<T>): Promise<T> {
    return this.#work.busy(name, body)
  }

  async sync(...outputs: readonly string[]): Promise<void> {
    await this.#work.unlessAbandoned(syncOutputs(this.paths.data, outputs))
  }

  runStage<S extends StageName>(stage: S, task: StageTask<S>): Promise<StageOutput<S>> {
    return this.#work.runStage(stage, task, this.jobId)
  }
}
