import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { StageGrant } from '../../../rpc-schema/manager/stages.js'
import { RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText, SealError } from '../../../rpc-schema/seal-error.js'
import { FILES_NEEDED, kindOfState } from '../../../rpc-schema/stages/kinds.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { SealingConfig } from '../config/sealing-config.js'
import { classified, Interrupt } from '../engine/failure.js'
import type { PlanEnvironment } from '../engine/plan.js'
import { Task } from '../engine/task.js'
import { type TaskResult, TaskRunner } from '../engine/task-runner.js'
import { ThreadStatus } from '../engine/thread-status.js'
import type { TaskSignals } from '../engine/thread-work.js'
import { stagedPlan } from '../plans/staged.js'
import { requiredBytes, sealedFiles } from '../plans/steps/persist.js'
import type { Processors } from '../processors/processors.js'
import type { AttachedStore } from '../store/attached-store.js'
import { baseOf, newRecord, SectorRecord } from '../store/sector-record.js'
import { askManager } from './ask-manager.js'
import { fetchFiles } from './fetch/fetch-files.js'
import { growingPlace } from './fetch/growing-place.js'
import { FETCHED, installFiles, installSector, makePlaces } from './sector-files.js'
import { type OwnClient, StageHome } from './stage-home.js'
import type { StagePaths } from './stage-paths.js'

export interface AttemptParts {
  readonly name: string
  /** Its directory; what is fetched without a path of its own goes below it. */
  readonly home: string
  readonly manager: OwnClient
  readonly environment: Omit<PlanEnvironment, 'stores'>
  readonly processors: Processors
  readonly paths: StagePaths
  readonly config: SealingConfig
  readonly clock: Clock
  readonly log: Logger
  /** The worker is to stop: at once where nothing is lost by it, and whatever is at work when patience is over. */
  readonly stop: TaskSignals
}

/** Where an attempt has its files. */
interface Place {
  readonly root: string
  /** Removed when the task is done. */
  readonly scratch?: string | undefined
}

/** A claim is given to nobody else before three times as long without a word of its worker. */
const REPLACE_MS = 20_000
const FIRST_STATE = 'Allocated'
/**
 * Of a task that waits for the chain. It takes nothing from others, and all of them fail together while the manager has no node to ask: a node that is started
 * again for an hour is not to leave them parked, with their deposits, until an operator comes.
 */
const WAITING_RETRIES = 360

/** One try at one task: brings the files where they are needed, carries the sector on until its state is for another task, tells the manager. */
export class StageAttempt {
  readonly grant: StageGrant
  readonly status: ThreadStatus
  readonly startedAt: number
  readonly #parts: AttemptParts
  readonly #lost = new AbortController()
  readonly #signals: TaskSignals

  constructor(grant: StageGrant, parts: AttemptParts) {
    this.grant = grant
    this.#parts = parts
    this.startedAt = parts.clock.monotonic()
    this.status = new ThreadStatus(parts.clock, stagedPlan.name)
    this.#signals = {
      interrupt: AbortSignal.any([parts.stop.interrupt, this.#lost.signal]),
      abandon: AbortSignal.any([parts.stop.abandon, this.#lost.signal]),
    }
  }

  get sector(): string {
    return sectorName(this.grant.Sector.ID)
  }

  /** The claim is void: whatever is at work is left, and nothing is told of it. */
  lost(): void {
    this.#lost.abort(new Interrupt())
  }

  /** Never throws: how the attempt ended is told to the manager. `filesFree`: until then something else works on the sector's files. */
  async run(filesFree?: Promise<unknown>): Promise<void> {
    const { log } = this.#parts
    const about = { task: this.grant.Claim.Task, sector: this.sector }
    log.info({ ...about, path: this.grant.Path, from: this.grant.Fetch?.Url }, 'stage task begins')
    try {
      if (filesFree !== undefined) await this.#unlessInterrupted(filesFree)
      const place = await this.#findPlace()
      await this.#carryOn(place)
      // After a failure it stays: the next try goes on with it.
      if (place.scratch !== undefined) await rm(place.scratch, { recursive: true, force: true })
    } catch (error) {
      await this.#failed(error)
    }
  }

  async #unlessInterrupted(condition: Promise<unknown>): Promise<void> {
    const { interrupt } = this.#signals
    this.status.set({ kind: 'Waiting' })
    interrupt.throwIfAborted()
    await Promise.race([condition, once(interrupt, 'abort')])
    interrupt.throwIfAborted()
  }

  async #findPlace(): Promise<Place> {
    const { grant } = this
    const { home, paths } = this.#parts
    const needed = FILES_NEEDED[grant.Kind]
    if (grant.Fetch === null) {
      if (grant.Path === null) return { root: await made(join(home, 'nothing')) }
      const { root } = await paths.find(grant.Path)
      if (needed === 'new' || needed === 'all') await makePlaces(root, grant.Sector.ID)
      return { root }
    }
    if (needed === 'all') return this.#moveHere(grant.Path!)
    if (needed === 'sealed') return { root: await this.#bringToStore() }
    const scratch = await made(join(home, FETCHED, this.grant.Claim.Task))
    await this.#fetch(scratch)
    return { root: scratch, scratch }
  }

  /** The sector's files come to a path of this worker, which is their place from then on. */
  async #moveHere(path: string): Promise<Place> {
    const { root } = await this.#parts.paths.find(path)
    const { ID } = this.grant.Sector
    // Beside the place: what an earlier visit has left there bears the same names, and is not what is wanted now.
    const growing = await growingPlace(root, ID, this.grant.Claim)
    await this.#fetch(growing)
    await installSector(root, ID, growing, await this.#stillOurs())
    await makePlaces(root, ID)
    if (!(await this.#tell(manager => manager.PlaceStageSector(this.grant.Claim, path)))) throw new Interrupt()
    return { root }
  }

  /** What is to be kept comes straight to the disk of the store that the manager has chosen, and under its names when it is whole. */
  async #bringToStore(): Promise<string> {
    const { grant } = this
    const { root } = await this.#reservedStore()
    const growing = await growingPlace(root, grant.Sector.ID, grant.Claim)
    await this.#fetch(growing)
    await installFiles(root, sealedFiles(grant.Sector), growing, await this.#stillOurs())
    return root
  }

  /**
   * Asked right before files of the sector on a path are replaced: a worker that was cut off from the manager, or whose process stood still, does not know that
   * another has the task, which may have these files in use by now. Throws at a void claim; gives what throws when the answer is too old.
   */
  async #stillOurs(): Promise<() => void> {
    const { clock } = this.#parts
    const { Claim, Record } = this.grant
    let until = 0
    const isOurs = await this.#tell(async manager => {
      until = clock.monotonic() + REPLACE_MS
      return Record === null || (await manager.SaveStageRecord(Claim, Record))
    })
    if (!isOurs) {
      this.lost()
      throw new Interrupt()
    }
    return () => {
      if (clock.monotonic() > until) throw new SealError('temporary', 'the manager was asked too long ago')
    }
  }

  /** The step that keeps the files asks again, and is given the same. */
  async #reservedStore(): Promise<AttachedStore> {
    const { environment, paths, clock, config, log } = this.#parts
    const { ID, ProofType } = this.grant.Sector
    const bytes = requiredBytes(sealProof(ProofType).sectorSize)
    let hasTold = false
    for (;;) {
      const stores = await paths.stores()
      if (stores.writable.length === 0)
        throw new SealError('temporary', 'no path that keeps sealed sectors is there any more')
      const given = await this.#tell(() =>
        environment.manager.StoreReserveSpace(ID, bytes, stores.writable).catch((error: unknown) => {
          // What it answers is for the operator, and no reason to ask for an hour.
          if (!(error instanceof RpcError)) throw error
          throw new SealError('temporary', `the manager reserves no store for ${this.sector}`, { cause: error })
        }),
      )
      const store = given && stores.get(given.Name)
      if (store) return store
      if (given !== null)
        throw new SealError('temporary', `the manager chose the store ${given.Name}, which this worker does not have`)
      if (!hasTold)
        log.warn(
          { sector: this.sector, bytes, candidates: stores.writable },
          'no store has room for the sector; asked again',
        )
      hasTold = true
      this.status.set({ kind: 'Waiting' })
      await clock.sleep(config.pollingIntervalMs, this.#signals.interrupt)
    }
  }

  async #fetch(root: string): Promise<void> {
    this.status.set({ kind: 'Running', proc: 'fetch' })
    await fetchFiles({
      source: this.grant.Fetch!,
      sector: this.grant.Sector,
      need: FILES_NEEDED[this.grant.Kind],
      root,
      signal: this.#signals.interrupt,
    })
  }

  async #carryOn({ root }: Place): Promise<void> {
    const { Claim, Sector, Kind } = this.grant
    const { manager, clock, processors, config, log, name, environment, paths, home } = this.#parts
    const store = new StageHome({
      manager,
      claim: Claim,
      sector: Sector.ID,
      root,
      clock,
      log,
      abandon: this.#signals.abandon,
      onLost: () => this.lost(),
    })
    const { status } = this
    const taskParts = {
      environment: { ...environment, stores: await paths.stores() },
      store,
      config: Kind === 'WAIT' ? { ...config, maxRetries: Math.max(config.maxRetries, WAITING_RETRIES) } : config,
      log: log.child({ task: Claim.Task }),
      processors,
      clock,
      status,
      signals: this.#signals,
    }
    const task = new Task(taskParts, this.#record())
    const runner = new TaskRunner({
      plan: stagedPlan,
      task,
      store,
      status,
      interrupt: this.#signals.interrupt,
      mayTake: () => true,
      handsOver: state => kindOfState(state) !== Kind,
      // What needs no files has none: nobody looks for them.
      reporter: { instance: name, location: this.grant.Path === null && this.grant.Fetch === null ? home : root },
    })
    await this.#ended(await runner.run(), task.record)
  }

  #record(): SectorRecord {
    const { Record, Sector } = this.grant
    if (Record === null) return { ...newRecord(stagedPlan.name), state: FIRST_STATE, base: baseOf(Sector) }
    const json = JSON.parse(Record) as never
    const decoded = z.safeDecode(SectorRecord, json)
    if (decoded.success) return decoded.data
    throw new SealError(
      'permanent',
      `the record of ${this.sector} at the manager cannot be read: ${decoded.error.message}`,
    )
  }

  async #ended(result: TaskResult, record: SectorRecord): Promise<void> {
    const { Claim } = this.grant
    if (result === 'idle') return void (await this.#tell(manager => manager.ReleaseStageTask(Claim)))
    const End = result === 'handed over' ? 'next' : result
    const text = JSON.stringify(z.encode(SectorRecord, record))
    await this.#tell(manager => manager.FinishStageTask(Claim, { End, State: record.state, Record: text }))
  }

  async #failed(error: unknown): Promise<void> {
    const { log } = this.#parts
    const { Claim } = this.grant
    if (this.#lost.signal.aborted) return log.warn({ task: Claim.Task }, 'the task is no longer this one’s: left')
    try {
      if (error instanceof Interrupt || this.#signals.interrupt.aborted)
        return void (await this.#tell(manager => manager.ReleaseStageTask(Claim)))
      const failure = classified(error)
      log.error({ err: failure, task: Claim.Task, sector: this.sector }, `stage task failed: ${errorText(failure)}`)
      // What was tried again and again here may go well elsewhere, or later.
      const forGood = failure.class === 'permanent' && !hasTemporaryCause(failure)
      await this.#tell(manager => manager.FailStageTask(Claim, errorText(failure), forGood))
    } catch (told) {
      log.error({ err: told, task: Claim.Task }, 'cannot tell the manager how the task ended; its claim runs out')
    }
  }

  /** For as long as the manager cannot answer, until the claim is void or the worker's patience is over. */
  #tell<T>(call: (manager: OwnClient) => Promise<T>): Promise<T> {
    const { manager, clock, log } = this.#parts
    return askManager(() => call(manager), { clock, log, abandon: this.#signals.abandon })
  }
}

const hasTemporaryCause = ({ cause }: SealError): boolean => cause instanceof SealError && cause.class === 'temporary'

async function made(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  return directory
}
