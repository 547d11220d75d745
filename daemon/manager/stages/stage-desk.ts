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
import { SEAL_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { Logger } from '../../kit/log.js'
import { type AfterFailure, JobQueue } from '../../kit/queue/job-queue.js'
import type { SectorAllocation } from '../allocation/sector-allocation.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import { type Choice, choose } from './scheduler/choose.js'
import { Ledger } from './scheduler/ledger.js'
import { isObstacle, type Placement, verdictOf } from './scheduler/rules.js'
import type { WorkerView, World } from './scheduler/world.js'
import { StageRepository, type StageTask, type StageWorker, taskId } from './stage-repository.js'
import { STAGE_TABLE } from './stage-table.js'
import { isHeard, ownerOf, type Standing, standingOf, workerOf, worldOf } from './stage-world.js'

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
/** A grant may still be on its way to a worker that does not tell of it. */
const GRANT_ON_ITS_WAY_MS = 30_000
const RETRY = { maxAttempts: 5, firstPauseMs: 5_000, longestPauseMs: 5 * 60_000 }
/** Leftovers told to a worker at a time. */
const REMOVALS_AT_ONCE = 100
/** A worker that has been away for so long is not listed any more. */
const FORGET_WORKER_MS = 30 * 86_400_000
/** Choices made again when another manager has just given the chosen task away. */
const CHOICES = 8
const FIRST_STATE = 'Allocated'
const SNAPSHOT_MS = 500
/** What the clock of the machine may be set by without anybody's lease being the shorter for it. */
const CLOCK_STEP_MS = 1_000

interface Snapshot {
  readonly writes: number
  readonly at: number
  readonly workers: readonly StageWorker[]
  readonly standing: Standing
}

/**
 * Where stage workers report themselves, get tasks and bring results. Everything is in the database: whoever dies, worker or manager, is replaced by
 * another that goes on where the record of the sector stands.
 */
export class StageDesk {
  readonly #options: StageDeskOptions
  readonly #queue: JobQueue
  readonly #rows = new StageRepository()
  readonly #sweeps: BackgroundLoop
  /** Of the last sweep. */
  #swept: { readonly now: number; readonly monotonic: number }
  /** Counts what this manager has changed. */
  #writes = 0
  #seen: Snapshot | undefined
  /** One decision after another: each reckons with those before it. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: StageDeskOptions) {
    this.#options = options
    const { db, clock, log } = options
    this.#swept = { now: clock.now(), monotonic: clock.monotonic() }
    this.#queue = new JobQueue({ db, table: STAGE_TABLE, retry: RETRY, clock, commits: GroupCommit.of(db) })
    this.#sweeps = new BackgroundLoop({
      name: 'stage tasks',
      log,
      clock,
      intervalMs: () => SWEEP_MS,
      step: () => this.sweep(),
    })
  }

  /** What was claimed keeps its claim for the length of a lease: nobody could be heard while no manager was up. */
  async start(): Promise<void> {
    await this.#queue.extend(LEASE_MS)
    this.#sweeps.start()
  }

  stop(): Promise<void> {
    return this.#sweeps.stop()
  }

  async report(report: StageWorkerReport): Promise<StageOrders> {
    const { db, clock, log } = this.#options
    const owner = ownerOf(report.ID, report.Boot)
    await this.#rows.saveWorker(report, clock.now(), db)
    this.#noteReport({ report, seenAt: clock.now() })
    await this.#queue.heartbeatOwner(owner, LEASE_MS)
    const own = await this.#rows.runningOf(report.ID, db)
    const isKnown = ({ id, fence }: StageTask): boolean =>
      report.Claims.some(claim => claim.Task === id && claim.Fence === fence)
    for (const task of own) {
      if (task.owner === owner && (isKnown(task) || clock.now() - task.startedAt < GRANT_ON_ITS_WAY_MS)) continue
      log.warn(
        { task: task.id, worker: report.Name },
        'the worker has been started anew and is not at this task any more',
      )
      await this.#changing(this.#queue.fail(task, `${report.Name} ended while it was at it`))
    }
    const held = new Map(own.filter(task => task.owner === owner).map(task => [task.id, task.fence]))
    return {
      Lost: report.Claims.filter(({ Task, Fence }) => held.get(Task) !== Fence).map(({ Task }) => Task),
      Remove: await this.#rows.leftovers(
        report.Paths.map(({ ID }) => ID),
        REMOVALS_AT_ONCE,
        db,
      ),
    }
  }

  /** The next task for a worker: one that waits, or the first of a new sector. */
  claim(worker: string, boot: string): Promise<StageGrant | null> {
    const next = this.#last.then(() => this.#claim(worker, boot))
    this.#last = next.catch(() => {})
    return next
  }

  async #claim(workerId: string, boot: string): Promise<StageGrant | null> {
    const { clock } = this.#options
    for (let attempt = 0; attempt < CHOICES; attempt++) {
      const { workers, standing } = await this.#snapshot()
      const world = worldOf(clock.now(), workers, standing, this.#options.postingOn?.())
      const worker = world.workers.find(({ id }) => id === workerId)
      if (worker === undefined) return null
      const choice = choose(workerId, world)
      if (choice === undefined) {
        if (await this.#beginSector(worker, world)) continue
        return null
      }
      const grant = await this.#take(choice, ownerOf(workerId, boot), workers)
      if (grant !== undefined) return grant
    }
    return null
  }

  /** Most workers that ask get nothing, and between two of them nothing has changed; what other managers do is seen after a moment. */
  async #snapshot(): Promise<Snapshot> {
    const { db, clock } = this.#options
    const known = this.#seen
    if (known?.writes === this.#writes && clock.monotonic() - known.at < SNAPSHOT_MS) return known
    const begun = { writes: this.#writes, at: clock.monotonic() }
    const [workers, tasks] = await Promise.all([this.#rows.workers(db), this.#rows.openTasks(db)])
    this.#seen = { ...begun, workers, standing: standingOf(tasks) }
    return this.#seen
  }

  #noteReport(worker: StageWorker): void {
    const known = this.#seen
    if (known === undefined) return
    const others = known.workers.filter(({ report }) => report.ID !== worker.report.ID)
    this.#seen = { ...known, workers: [worker, ...others] }
  }

  /** What was seen before is not true any more when this has settled. */
  async #changing<T>(change: Promise<T>): Promise<T> {
    try {
      return await change
    } finally {
      this.#writes++
    }
  }

  /** Asks for a new sector where the worker could begin one. */
  async #beginSector(worker: WorkerView, world: World): Promise<boolean> {
    if (!worker.kinds.has('AP')) return false
    const { allocation, clock } = this.#options
    const sizes = worker.sectorSizes.length > 0 ? worker.sectorSizes : [...new Set(SEAL_PROOFS.map(p => p.sectorSize))]
    const ledger = new Ledger(world)
    const fitting = sizes.filter(sectorSize => {
      const first = { id: '', kind: 'AP' as const, sectorSize, place: null, readyAt: world.now }
      return !isObstacle(verdictOf(worker, first, ledger))
    })
    if (fitting.length === 0) return false
    const proofs = SEAL_PROOFS.filter(
      ({ sectorSize, feature }) => fitting.includes(sectorSize) && feature !== 'nonInteractive',
    )
    const begun = await this.#changing(
      allocation.allocate(
        { AllowedMiners: [], AllowedProofTypes: proofs.map(proof => proof.number) },
        async (sector, trx) => {
          await this.#rows.addSector(sector, FIRST_STATE, clock.now(), trx)
          await this.#addTask(sector.ID, FIRST_STATE, trx)
        },
      ),
    )
    return begun !== null
  }

  async #take(
    { task, placement }: Choice,
    owner: string,
    workers: readonly StageWorker[],
  ): Promise<StageGrant | undefined> {
    const { db, clock, log } = this.#options
    const source = placement.fetchFrom === null ? null : sourceOf(placement.fetchFrom, workers, clock.now())
    if (source === undefined) return undefined
    const claimed = this.#queue.claim(
      { owner, leaseMs: LEASE_MS, narrow: ready => void ready.where('id', task.id) },
      async trx => {
        const found = await this.#rows.task(task.id, trx)
        if (found !== undefined) await this.#notePlaces(found, placement, trx)
        await this.#rows.noteAttempt(task.id, placement.path, placement.fetchFrom, trx)
      },
    )
    const job = await this.#changing(claimed)
    if (job === undefined) return undefined
    const sid = { Miner: Number(job.row.miner), Number: Number(job.row.number) }
    const sector = await this.#rows.sector(sid, db)
    if (sector === undefined) return undefined
    log.info(
      { task: job.id, sector: sectorName(sid), worker: workerOf(owner), path: placement.path },
      'stage task given',
    )
    return {
      Claim: { Task: job.id, Fence: job.fence },
      Kind: task.kind,
      Sector: sector.sector,
      Record: sector.record,
      Path: placement.path,
      Fetch: source,
    }
  }

  /** A sector without files is begun on this path; what an earlier attempt left on another one goes. */
  async #notePlaces(before: StageTask, { path }: Placement, trx: Knex.Transaction): Promise<void> {
    const { sid, kind, place } = before
    if (path === null) return
    // What was once to be removed there is not in the way any more, and must not be taken for what comes now.
    await this.#rows.removeLeftover({ Path: path, Sector: sid }, trx)
    if (before.path !== null && before.path !== path && before.path !== place)
      await this.#rows.addLeftover({ Path: before.path, Sector: sid }, trx)
    if (kind !== 'AP' || place === path) return
    if (place !== null) await this.#rows.addLeftover({ Path: place, Sector: sid }, trx)
    await this.#rows.change(sid, { place: path }, trx)
  }

  save(claim: StageClaim, record: string): Promise<boolean> {
    return this.#withClaim(claim, async ({ sid }, trx) => {
      await this.#rows.change(sid, { record }, trx)
    })
  }

  place(claim: StageClaim, path: string): Promise<boolean> {
    return this.#withClaim(claim, async ({ sid, place }, trx) => {
      if (place === path) return
      if (place !== null) await this.#rows.addLeftover({ Path: place, Sector: sid }, trx)
      // What was once to be removed there is the sector itself now.
      await this.#rows.removeLeftover({ Path: path, Sector: sid }, trx)
      await this.#rows.change(sid, { place: path }, trx)
    })
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
    const became = await this.#changing(this.#queue.fail({ id: claim.Task, fence: claim.Fence }, error, { forGood }))
    const level = became === 'parked' ? 'error' : 'warn'
    this.#options.log[level]({ task: claim.Task, became }, `stage task failed: ${error}`)
    return became
  }

  release(claim: StageClaim): Promise<boolean> {
    return this.#changing(this.#queue.release({ id: claim.Task, fence: claim.Fence }))
  }

  removed(leftover: StageLeftover): Promise<void> {
    return this.#rows.removeLeftover(leftover, this.#options.db)
  }

  /** Parked tasks are tried again; all of them when none is named. */
  async retry(tasks: readonly string[]): Promise<number> {
    const open = await this.#rows.openTasks(this.#options.db)
    const parked = open.filter(({ id, state }) => state === 'parked' && (tasks.length === 0 || tasks.includes(id)))
    return this.#changing(this.#queue.reset(parked.map(({ id }) => id)))
  }

  async abort(task: string, reason: string): Promise<boolean> {
    return (await this.#changing(this.#queue.park([task], reason || 'aborted by an operator'))) > 0
  }

  /** Forgets a sector that has been given up; its files are removed when their path is there again. */
  abandon(sid: SectorID): Promise<void> {
    return this.#changing(GroupCommit.of(this.#options.db).run(trx => this.#rows.dropSector(sid, trx)))
  }

  /** A sector that something else has carried so far. */
  adopt(
    sector: AllocatedSector,
    at: { readonly state: string; readonly record: string; readonly path: string },
  ): Promise<void> {
    const adopted = GroupCommit.of(this.#options.db).run(async trx => {
      if ((await this.#rows.sector(sector.ID, trx)) !== undefined) return
      await this.#rows.addSector(sector, at.state, this.#options.clock.now(), trx)
      await this.#rows.change(sector.ID, { record: at.record, place: at.path }, trx)
      await this.#addTask(sector.ID, at.state, trx)
    })
    return this.#changing(adopted)
  }

  /** Whether stage workers carry a sector. */
  async carries(sid: SectorID): Promise<boolean> {
    return (await this.#rows.sector(sid, this.#options.db)) !== undefined
  }

  /** Everything that is not done, and all workers. */
  async look(): Promise<{ world: World; tasks: StageTask[]; workers: StageWorker[] }> {
    const { db, clock } = this.#options
    const [workers, tasks] = await Promise.all([this.#rows.workers(db), this.#rows.openTasks(db)])
    return { world: worldOf(clock.now(), workers, standingOf(tasks), this.#options.postingOn?.()), tasks, workers }
  }

  /** Takes tasks back whose workers are silent. */
  async sweep(): Promise<void> {
    const { db, clock, log } = this.#options
    if (this.#clockWasPutForward()) {
      const kept = await this.#queue.extend(LEASE_MS)
      log.warn({ tasks: kept }, 'the clock of this machine was put forward: stage tasks keep their leases')
      return
    }
    for (const { job, became } of await this.#changing(this.#queue.expire()))
      log.warn(
        { task: job.id, worker: workerOf(job.owner), became },
        'nothing is heard of the worker of this stage task',
      )
    await this.#rows.forgetWorkers(clock.now() - FORGET_WORKER_MS, db)
  }

  /** Leases are moments of a clock that somebody can set; a machine that was asleep looks the same, and heard nobody either. */
  #clockWasPutForward(): boolean {
    const { clock } = this.#options
    const before = this.#swept
    this.#swept = { now: clock.now(), monotonic: clock.monotonic() }
    const passed = this.#swept.monotonic - before.monotonic
    return this.#swept.now - before.now - passed > CLOCK_STEP_MS
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
  #withClaim(
    { Task, Fence }: StageClaim,
    work: (task: StageTask, trx: Knex.Transaction) => Promise<void>,
  ): Promise<boolean> {
    const done = GroupCommit.of(this.#options.db).run(async trx => {
      const task = await this.#rows.taskToChange(Task, trx)
      if (task?.state !== 'running' || task.fence !== Fence) return false
      await work(task, trx)
      return true
    })
    const answered = done.catch((error: unknown) => {
      if (error instanceof ClaimLost) return false
      throw error
    })
    return this.#changing(answered)
  }
}

/** Undoes what was being done under a claim that is void. */
class ClaimLost extends Error {}

/** A worker that has a path and lets others fetch from it; undefined when there is none just now. */
function sourceOf(path: string, workers: readonly StageWorker[], now: number): StageGrant['Fetch'] | undefined {
  const holder = workers.find(
    worker => isHeard(worker, now) && worker.report.Url !== '' && worker.report.Paths.some(({ ID }) => ID === path),
  )
  return holder && { Path: path, Url: holder.report.Url, Token: holder.report.Token }
}
