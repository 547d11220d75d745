import type { UpdateStatement } from '../../../plugins/prover/calls.js'
import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type { managerService } from '../../../rpc-schema/manager/index.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import type { SectorStateName } from '../../../rpc-schema/worker/sector-states.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { SealingConfig } from '../config/sealing-config.js'
import type { LimitName, StageName, StageOutput, StageTask } from '../processors/processors.js'
import type { AttachedStores } from '../store/attached-store.js'
import type { SectorPaths } from '../store/sealing-store.js'
import type { Intents, OutputFile, Phases, SectorRecord } from '../store/sector-record.js'
import type { StageTimes } from '../store/stage-times.js'
import type { BusyBody } from './thread-work.js'

/** `proofType`: any seal proof of the sector size. */
export type PieceCommitment = (file: string, size: number, proofType: number) => Promise<Uint8Array>

export type ManagerClient = Client<(typeof managerService)['methods']>

/** What a step found out; merged into the record. */
export interface RecordChanges {
  readonly base?: SectorRecord['base']
  readonly deals_v2?: SectorRecord['deals_v2']
  readonly finalized?: SectorRecord['finalized']
  readonly phases?: Partial<Phases>
  readonly sealyard?: Partial<Intents>
}

/** How a step ended, if it did not throw. */
export type Outcome<E extends string> =
  | { readonly kind: 'event'; readonly event: E; readonly changes: RecordChanges }
  | { readonly kind: 'idle' }
  | { readonly kind: 'finished' }

export const event = <const E extends string>(name: E, changes: RecordChanges = {}): Outcome<E> => ({
  kind: 'event',
  event: name,
  changes,
})

/** There is nothing to do now: the step is asked again later, a bounded number of times. */
export const IDLE: Outcome<never> = { kind: 'idle' }
/** The sector is done. */
export const FINISHED: Outcome<never> = { kind: 'finished' }

/** What the configuration gives to every sector of this worker. */
export interface PlanEnvironment {
  readonly manager: ManagerClient
  /** `http://host:port` of the manager, for pieces. */
  readonly managerOrigin: string
  /** What the manager knows this worker by, where it wants to know. */
  readonly managerToken: string | undefined
  readonly stores: AttachedStores
  readonly localPiecesDirs: readonly string[]
  /** Ready tree-d files of empty sectors by sector size. */
  readonly staticTreeD: ReadonlyMap<number, string>
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Commitment of a piece of `size` unpadded bytes (127 · 2^n) in a file; computed off the event loop, cannot be stopped. */
  readonly pieceCommitment: PieceCommitment
  /** Whether the proof of a replica update holds. Throws permanent when it cannot be known. */
  readonly verifyUpdate: (statement: UpdateStatement & { readonly proof: Uint8Array }) => Promise<boolean>
}

/** What a step works with. The record is as it is journaled; it changes only through `save` and the outcome. */
export interface StepContext extends PlanEnvironment {
  readonly log: Logger
  readonly clock: Clock
  readonly record: SectorRecord
  readonly config: SealingConfig
  /** Throws when no sector is allocated yet. */
  readonly sector: AllocatedSector
  readonly paths: SectorPaths
  /** How long stages took in this store. */
  readonly stageTimes: StageTimes
  /** Unix time, ms. */
  now(): number
  /** A value of the record that this state cannot do without. */
  need<K extends keyof Phases>(key: K): NonNullable<Phases[K]>
  /** Journals something in the middle of a step; on return it is on the disk. */
  save(changes: RecordChanges): Promise<void>
  writeOutput(stage: string, json: unknown): Promise<OutputFile>
  readOutput(output: OutputFile): Promise<unknown>
  /** Calls the manager; see `callManager` for the classes of its errors. */
  call<T>(call: Promise<T>): Promise<T>
  /** Waits; a pause or a stop ends it with an Interrupt. */
  wait(ms: number): Promise<void>
  /** Runs `body` under the limits of a stage. */
  limited<T>(limit: LimitName, body: () => Promise<T>): Promise<T>
  /** On return these files and directories, made by a stage, are on the disk; see `syncOutputs`. */
  sync(...outputs: readonly string[]): Promise<void>
  runStage<S extends StageName>(stage: S, task: StageTask<S>): Promise<StageOutput<S>>
  /** Long work that is no stage, shown under this name; the signal ends it. */
  busy<T>(name: string, body: BusyBody<T>): Promise<T>
}

/** One action of a plan. It may be cut off anywhere and is then run again from the start, so it cleans up what it finds. */
export interface Step<E extends string = string> {
  /** What the record must hold. */
  readonly needs: readonly (keyof Phases | 'base')[]
  run(context: StepContext): Promise<Outcome<E>>
}

export const step = <const E extends string>(
  needs: Step['needs'],
  run: (context: StepContext) => Promise<Outcome<E>>,
): Step<E> => ({ needs, run })

/** Whether the chain may hold money for a sector in this state: a deposit, or the pledge of a sector that is proven already. */
export type Commitment = 'free' | 'deposited'

/** What is done in a state, and where each of its events leads. */
export interface PlanState {
  /** Shown as the job's stage; null: none. */
  readonly stage: string | null
  /** `deposited`: an error does not give the sector up; the chain's refusal and the operator do. */
  readonly commitment: Commitment
  readonly step: Step
  readonly on: Readonly<Record<string, SectorStateName>>
}

/** A row of a plan's table; the compiler checks that every event of the step leads somewhere. */
export const state = <E extends string>(
  stage: string | null,
  commitment: Commitment,
  action: Step<E>,
  on: { readonly [K in E]: SectorStateName },
): PlanState => ({ stage, commitment, step: action as Step, on })

export interface Plan {
  readonly name: string
  /** Its tasks come from a queue to which nothing gives them back: a new plan in the settings does not displace one that was taken. */
  readonly fromQueue?: boolean
  /** Tells the manager that a sector is given up, where that is not done by ReportAborted. May be called again after a crash. */
  readonly giveUp?: (context: StepContext, reason: string) => Promise<void>
  readonly states: { readonly [S in SectorStateName]?: PlanState }
}

/** What a record lacks to go on in a state; empty when nothing. Undefined when the plan has no such state. */
export function missingFor(plan: Plan, at: SectorStateName, record: SectorRecord): string[] | undefined {
  const row = plan.states[at]
  if (row === undefined) return undefined
  return row.step.needs.filter(key => (key === 'base' ? record.base === null : record.phases[key] === null))
}

/** The record with a step's findings in it. */
export const merged = (record: SectorRecord, changes: RecordChanges): SectorRecord => ({
  ...record,
  ...(changes.base !== undefined && { base: changes.base }),
  ...(changes.deals_v2 !== undefined && { deals_v2: changes.deals_v2 }),
  ...(changes.finalized !== undefined && { finalized: changes.finalized }),
  phases: { ...record.phases, ...changes.phases },
  sealyard: { ...record.sealyard, ...changes.sealyard },
})
