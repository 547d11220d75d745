import type { Knex } from 'knex'
import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type {
  StageClaim,
  StageEnd,
  StageGrant,
  StageLeftover,
  StageOrders,
  StageWorkerReport,
} from '../../../rpc-schema/manager/stages.js'
import { kindOfState } from '../../../rpc-schema/stages/kinds.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { Logger } from '../../kit/log.js'
import { type AfterFailure, JobQueue } from '../../kit/queue/job-queue.js'
import { LeaseWatch } from '../../kit/queue/lease-watch.js'
import type { SectorAllocation } from '../allocation/sector-allocation.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import { GrantWatch } from './grant-watch.js'
import type { World } from './scheduler/world.js'
import { StageBoard } from './stage-board.js'
import { StageClaims } from './stage-claims.js'
import { StageRemovals } from './stage-removals.js'
import { StageRepository, type StageTask, type StageWorker, sectorOfTask, taskId } from './stage-repository.js'
import { STAGE_TABLE } from './stage-table.js'
import { ownerOf, removalKey, STAGE_RETRY, standingOf, workerOf, worldOf } from './stage-world.js'

export interface StageDeskOptions {
  readonly db: Knex
  readonly clock: Clock
  readonly log: Logger
  /** Gives new sectors; its rules bound how many are sealed at once. */
  readonly allocation: Pick<SectorAllocation, 'allocate'>
  /** The machine on which window proofs are being made just now, as its workers call it. */
  readonly postingOn?: () => string | undefined
}

/** How long a claim is good without a word from its owner. */
const LEASE_MS = 60_000
const SWEEP_MS = 5_000
/** A worker that has been away for so long is not listed any more. */
const FORGET_WORKER_MS = 30 * 86_400_000
const FIRST_STATE = 'Allocated'

/**
 * Where stage workers report themselves, get tasks and bring results. Everything is in the database: whoever dies, worker or manager, is replaced by
 * another that goes on where the record of the sector stands.
 */
export class StageDesk {
  readonly #options: StageDeskOptions
  readonly #queue: JobQueue
  readonly #rows = new StageRepository()
  readonly #board: StageBoard
  readonly #claims: StageClaims
  readonly #leases: LeaseWatch
  readonly #grants: GrantWatch
  readonly #removals: StageRemovals
  readonly #sweeps: BackgroundLoop

  constructor(options: StageDeskOptions) {
    this.#options = options
    const { db, clock, log, allocation, postingOn = () => undefined } = options
    this.#queue = new JobQueue({ db, table: STAGE_TABLE, retry: STAGE_RETRY, clock, commits: GroupCommit.of(db) })
    this.#board = new StageBoard(this.#rows, db, clock)
    this.#leases = new LeaseWatch(clock)
    this.#grants = new GrantWatch(clock)
    this.#removals = new StageRemovals({ db, clock, log, rows: this.#rows, board: this.#board })
    this.#claims = new StageClaims({
      ...{ db, clock, log, allocation, postingOn, rows: this.#rows, queue: this.#queue, board: this.#board },
      leaseMs: LEASE_MS,
      begin: async (sector, trx) => {
        await this.#rows.addSector(sector, FIRST_STATE, clock.now(), trx)
        await this.#addTask(sector.ID, FIRST_STATE, trx)
      },
      granted: (owner, claim, leaseUntil) => {
        this.#grants.granted(owner, claim)
        this.#leases.note({ id: claim.Task, fence: claim.Fence, leaseUntil })
      },
    })
    this.#sweeps = new BackgroundLoop({
      name: 'stage tasks',
      log,
      clock,
      intervalMs: () => SWEEP_MS,
      step: () => this.sweep(),
    })
  }

  start(): void {
    this.#sweeps.start()
  }

  stop(): Promise<void> {
    return this.#sweeps.stop()
  }

  async report(report: StageWorkerReport): Promise<StageOrders> {
    const { db, clock, log } = this.#options
    const owner = ownerOf(report.ID, report.Boot)
    const seenAt = clock.now()
    // With a full disk, or a database that only reads, nothing can be renewed, and yet nobody is silent.
    for (const { Task, Fence } of report.Claims) this.#leases.heard({ id: Task, fence: Fence })
    // Told again in a moment.
    await GroupCommit.of(db).run(
      async trx => {
        await this.#rows.saveWorker(report, seenAt, trx)
        await this.#queue.heartbeatOwner(owner, LEASE_MS, trx)
      },
      { mayBeLost: true },
    )
    this.#board.reported({ report, seenAt })
    const running = await this.#rows.runningOf(report.ID, db)
    for (const task of running) this.#leases.note(task)
    const held = running.filter(task => task.owner === owner)
    const claims = held.map(({ id, fence }) => ({ Task: id, Fence: fence }))
    const lost = new Set(this.#grants.lost(owner, claims, report.Claims).map(({ Task }) => Task))
    for (const task of running) {
      if (task.owner === owner && !lost.has(task.id)) continue
      log.warn(
        { task: task.id, worker: report.Name },
        'the worker has been started anew and is not at this task any more',
      )
      await this.#changing(task.sid, this.#queue.fail(task, `${report.Name} ended while it was at it`))
    }
    const fences = new Map(held.map(task => [task.id, task.fence]))
    const paths = report.Paths.map(({ ID }) => ID)
    return {
      Lost: report.Claims.filter(({ Task, Fence }) => fences.get(Task) !== Fence).map(({ Task }) => Task),
      Remove: await this.#removals.wantedOf(report.ID, report.Boot, paths),
    }
  }

  claim(worker: string, boot: string): Promise<StageGrant | null> {
    return this.#claims.claim(worker, boot)
  }

  save(claim: StageClaim, record: string): Promise<boolean> {
    return this.#withClaim(claim, async ({ sid }, trx) => {
      await this.#rows.change(sid, { record }, trx)
    })
  }

  async place(claim: StageClaim, path: string): Promise<boolean> {
    let count: number | undefined
    const placed = await this.#withClaim(claim, async ({ sid, place }, trx) => {
      if (place === path) return
      count = await this.#rows.count(trx)
      if (place !== null) await this.#rows.addLeftover({ Path: place, Sector: sid }, trx)
      // What was once to be removed there is the sector itself now.
      await this.#rows.removeLeftover({ Path: path, Sector: sid }, trx)
      await this.#rows.change(sid, { place: path }, trx)
    })
    if (count !== undefined) this.#board.advanced(count)
    return placed
  }

  async finish(claim: StageClaim, end: StageEnd): Promise<boolean> {
    const done = await this.#withClaim(claim, async (task, trx) => {
      // What has lost its claim meanwhile leaves nothing behind: the state and the next task are those of whoever has it now.
      if (!(await this.#queue.complete({ id: task.id, fence: task.fence }, task.owner, {}, trx))) throw new ClaimLost()
      await this.#rows.change(task.sid, { record: end.Record, state: end.State }, trx)
      if (end.End === 'next') await this.#addTask(task.sid, end.State, trx)
      else await this.#rows.dropSector(task.sid, trx)
    })
    if (done) this.#options.log.info({ task: claim.Task, end: end.End, state: end.State }, 'stage task done')
    return done
  }

  async fail(claim: StageClaim, error: string, forGood: boolean): Promise<AfterFailure> {
    const became = await this.#changingTask(
      claim.Task,
      this.#queue.fail({ id: claim.Task, fence: claim.Fence }, error, { forGood }),
    )
    const level = became === 'parked' ? 'error' : 'warn'
    this.#options.log[level]({ task: claim.Task, became }, `stage task failed: ${error}`)
    return became
  }

  release(claim: StageClaim): Promise<boolean> {
    return this.#changingTask(claim.Task, this.#queue.release({ id: claim.Task, fence: claim.Fence }))
  }

  /** Whether this process of a worker may remove these files now; it has been told of them and asks right before. */
  beginRemoval(worker: string, boot: string, leftover: StageLeftover): Promise<boolean> {
    return this.#removals.begin(worker, boot, leftover)
  }

  removed(leftover: StageLeftover): Promise<void> {
    return this.#removals.ended(leftover)
  }

  /** Parked tasks are tried again; all of them when none is named. */
  async retry(tasks: readonly string[]): Promise<number> {
    const open = await this.#rows.openTasks(this.#options.db)
    const parked = open.filter(({ id, state }) => state === 'parked' && (tasks.length === 0 || tasks.includes(id)))
    const count = await this.#queue.reset(parked.map(({ id }) => id))
    this.#board.forget()
    return count
  }

  async abort(task: string, reason: string): Promise<boolean> {
    return (await this.#changingTask(task, this.#queue.park([task], reason || 'aborted by an operator'))) > 0
  }

  /** Forgets a sector that has been given up; its files are removed when their path is there again. */
  abandon(sid: SectorID): Promise<void> {
    return this.#changing(
      sid,
      GroupCommit.of(this.#options.db).run(trx => this.#rows.dropSector(sid, trx)),
    )
  }

  /** A sector that something else has carried so far. */
  async adopt(
    sector: AllocatedSector,
    at: { readonly state: string; readonly record: string; readonly path: string },
  ): Promise<void> {
    const count = await GroupCommit.of(this.#options.db).run(async trx => {
      if ((await this.#rows.sector(sector.ID, trx)) !== undefined) return undefined
      await this.#rows.addSector(sector, at.state, this.#options.clock.now(), trx)
      await this.#rows.change(sector.ID, { record: at.record, place: at.path }, trx)
      await this.#addTask(sector.ID, at.state, trx)
      return this.#rows.count(trx)
    })
    this.#board.changed(sector.ID)
    if (count !== undefined) this.#board.advanced(count)
  }

  /** Whether stage workers carry a sector. */
  async carries(sid: SectorID): Promise<boolean> {
    return (await this.#rows.sector(sid, this.#options.db)) !== undefined
  }

  /** Everything that is not done, and all workers. */
  async look(): Promise<{ world: World; tasks: StageTask[]; workers: StageWorker[] }> {
    const { db, clock } = this.#options
    const [workers, tasks, removals] = await Promise.all([
      this.#rows.workers(db),
      this.#rows.openTasks(db),
      this.#rows.removals(db),
    ])
    const removing = new Set(removals.map(({ leftover }) => removalKey(leftover)))
    const world = worldOf(clock.now(), workers, standingOf(tasks, removing), this.#options.postingOn?.())
    return { world, tasks, workers }
  }

  /** Takes tasks back whose workers are silent. */
  async sweep(): Promise<void> {
    const { db, clock, log } = this.#options
    const expired = await this.#queue.expireUnrenewed(this.#leases, LEASE_MS)
    if (expired.length > 0) this.#board.forget()
    for (const { job, became } of expired)
      log.warn(
        { task: job.id, worker: workerOf(job.owner), became },
        'nothing is heard of the worker of this stage task',
      )
    await this.#removals.sweep()
    await this.#rows.forgetWorkers(clock.now() - FORGET_WORKER_MS, db)
    const tasks = await this.#rows.runningOwners(db)
    this.#grants.forgetAllBut(new Set(tasks))
  }

  async #addTask(sid: SectorID, state: string, trx: Knex.Transaction): Promise<void> {
    const kind = kindOfState(state)
    if (kind === undefined) throw new Error(`state: expected one that stage workers know, found ${state}`)
    const now = this.#options.clock.now()
    const job = { id: taskId(sid, kind, now), group: String(sid.Miner), kind }
    const values = { miner: sid.Miner, number: sid.Number, path: '', fetch_from: '', due_at: now }
    if (!(await this.#queue.add(job, values, trx))) throw new Error(`task ${job.id} is there already`)
  }

  /** In one transaction with the check that the claim is good. */
  async #withClaim(
    { Task, Fence }: StageClaim,
    work: (task: StageTask, trx: Knex.Transaction) => Promise<void>,
  ): Promise<boolean> {
    let sid: SectorID | undefined
    try {
      return await GroupCommit.of(this.#options.db).run(async trx => {
        const task = await this.#rows.taskToChange(Task, trx)
        if (task?.state !== 'running' || task.fence !== Fence) return false
        sid = task.sid
        await work(task, trx)
        return true
      })
    } catch (error) {
      if (error instanceof ClaimLost) return false
      throw error
    } finally {
      if (sid !== undefined) this.#board.changed(sid)
    }
  }

  /** The board reads the sector again when this has settled. */
  async #changing<T>(sid: SectorID, change: Promise<T>): Promise<T> {
    try {
      return await change
    } finally {
      this.#board.changed(sid)
    }
  }

  async #changingTask<T>(task: string, change: Promise<T>): Promise<T> {
    try {
      return await change
    } finally {
      const sid = sectorOfTask(task)
      if (sid === undefined) this.#board.forget()
      else this.#board.changed(sid)
    }
  }
}

/** Undoes what was being done under a claim that is void. */
class ClaimLost extends Error {}
