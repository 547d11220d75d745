import type { Knex } from 'knex'
import type { Clock } from '../clock.js'
import { fitting, hotRows, isSqlite } from '../database.js'
import { GroupCommit } from '../group-commit.js'
import { ClaimsTogether } from './claims-together.js'
import { nextDue } from './due-order.js'
import { FairTurns, nextReady } from './fair-order.js'
import { type JobFilter, type JobPage, type ListOptions, listJobs } from './job-list.js'
import { type Job, type JobState, type JobTable, jobOf, type Row } from './job-table.js'
import type { LeaseWatch } from './lease-watch.js'
import { pauseAfter, type RetryPolicy } from './retry-policy.js'

export interface JobQueueOptions {
  db: Knex
  table: JobTable
  retry: RetryPolicy
  clock: Clock
  /** Shared with others that write into the same database. */
  commits?: GroupCommit
}

/** The right to work on a job: good until its lease ends, or somebody else is given the job. */
export interface Claim {
  readonly id: string
  readonly fence: number
}

export interface ClaimRequest {
  readonly owner: string
  readonly kinds: readonly (number | string)[]
  readonly leaseMs: number
}

type Owner = Pick<ClaimRequest, 'owner' | 'leaseMs'>

/** For tables with a `dueColumn`. */
export interface DueClaim extends Owner {
  /** Leaves the jobs that this owner may have. */
  readonly narrow: (ready: Knex.QueryBuilder) => void
}

export type AlsoDone = (trx: Knex.Transaction) => Promise<void>

interface Claimer extends ClaimRequest {
  readonly also: AlsoDone | undefined
}

/** A job by its id, whoever has it, or by a claim, which must still be good. */
export type Which = { readonly id: string; readonly fence?: number }

/** What a failed job becomes; `stale`: the claim was not good any more, and nothing has changed. */
export type AfterFailure = 'ready' | 'parked' | 'stale'

export interface Expired {
  readonly job: Job
  readonly became: AfterFailure
}

const claimOf = (row: Row, columns: JobTable['columns']): Claim => ({
  id: String(row[columns.id]),
  fence: Number(row[columns.fence]),
})

/** How the databases say that a key is taken. */
const THERE_ALREADY: ReadonlySet<unknown> = new Set([
  'SQLITE_CONSTRAINT_PRIMARYKEY',
  'SQLITE_CONSTRAINT_UNIQUE',
  'ER_DUP_ENTRY',
])

/** Jobs handled in one go by what looks through all of them. */
const SWEEP = 200

/**
 * Jobs in a table of a database that many processes share. A job is claimed by one owner at a time, for the length of a lease that the owner renews;
 * when the lease ends, the job goes to another, and whatever the first still says under its old fence is not heard. So a job ends done or parked, and
 * its result is recorded once.
 */
export class JobQueue {
  readonly table: JobTable
  readonly #options: JobQueueOptions
  readonly #commits: GroupCommit
  readonly #together: ClaimsTogether<Claimer, (Job & Claim) | undefined> | undefined

  constructor(options: JobQueueOptions) {
    this.#options = options
    this.table = options.table
    this.#commits = options.commits ?? new GroupCommit(options.db)
    // Where writers run side by side each takes what others have not locked.
    if (isSqlite(options.db))
      this.#together = new ClaimsTogether(this.#commits, (claimers, trx) => this.#serve(claimers, trx))
  }

  /** A new job in state ready; false when one with its id is there already, which stays as it is. `values` are the table's other columns. */
  add(job: Pick<Job, 'id' | 'group' | 'kind'>, values: Row = {}, trx?: Knex.Transaction): Promise<boolean> {
    const { name, columns: c, states } = this.table
    return this.#write(trx, async db => {
      const row = {
        ...values,
        [c.id]: job.id,
        [c.group]: job.group,
        [c.kind]: job.kind,
        [c.state]: states.ready,
        [c.owner]: '',
        [c.error]: '',
        [c.createdAt]: this.#moment(),
        [c.startedAt]: 0,
        [c.finishedAt]: 0,
        [c.fence]: 0,
        [c.attempts]: 0,
        [c.leaseUntil]: 0,
        [c.notBefore]: 0,
      }
      try {
        await db(name).insert(row)
        return true
      } catch (error) {
        if (THERE_ALREADY.has((error as { code?: unknown }).code)) return false
        throw error
      }
    })
  }

  /**
   * The next job for this owner, or undefined when none is ready. `also` is done in the same transaction; where the database has one writer, with other
   * claims that fail with it.
   */
  claim(request: ClaimRequest | DueClaim, also?: AlsoDone): Promise<(Job & Claim) | undefined> {
    if (this.#together && 'kinds' in request) return this.#together.claim({ ...request, also })
    return this.#commits.run(async trx => {
      const now = this.#options.clock.now()
      const job = await this.#next(trx, request, now)
      if (job === undefined || !(await this.#take(trx, job, request, now))) return undefined
      await also?.(trx)
      return this.#claimed(job, request, now)
    })
  }

  /** This very job for this owner, in the caller's transaction; undefined when it is not ready as it was seen. */
  async claimThis(seen: Job, owner: Owner, trx: Knex.Transaction): Promise<(Job & Claim) | undefined> {
    const now = this.#options.clock.now()
    return (await this.#take(trx, seen, owner, now)) ? this.#claimed(seen, owner, now) : undefined
  }

  /** Renews the lease; false when the claim is not good any more: the owner is to stop. */
  heartbeat(claim: Claim, leaseMs: number): Promise<boolean> {
    const { columns: c } = this.table
    return this.#commits.run(async trx => {
      const until = this.#options.clock.now() + leaseMs
      return (await this.#running(trx, claim).update({ [c.leaseUntil]: until })) > 0
    })
  }

  /** Renews everything that an owner has, for owners who do not know what a lease is. How many jobs that are. */
  heartbeatOwner(owner: string, leaseMs: number, trx?: Knex.Transaction): Promise<number> {
    const { name, columns: c, states } = this.table
    return this.#write(trx, db =>
      db(name)
        .where({ [c.state]: states.running, [c.owner]: owner })
        .update({ [c.leaseUntil]: this.#options.clock.now() + leaseMs }),
    )
  }

  /** Lets every lease last at least so long from now, after a time in which nobody could be heard. How many jobs that changed. */
  extend(ms: number): Promise<number> {
    const { name, columns: c, states } = this.table
    return this.#commits.run(trx => {
      const until = this.#options.clock.now() + ms
      return trx(name)
        .where(c.state, states.running)
        .where(c.leaseUntil, '<', until)
        .update({ [c.leaseUntil]: until })
    })
  }

  /**
   * Records the result, in the table's other columns, once. With a fence: only as long as the claim is good. Without: by whomever it comes, unless the
   * job is done already; whoever asks has checked the result itself. False when nothing was recorded.
   */
  complete({ id, fence }: Which, owner: string, values: Row, trx?: Knex.Transaction): Promise<boolean> {
    const { name, columns: c, states } = this.table
    return this.#write(trx, async db => {
      const job =
        fence === undefined ? db(name).where(c.id, id).whereNot(c.state, states.done) : this.#running(db, { id, fence })
      const done = {
        ...values,
        [c.state]: states.done,
        [c.owner]: owner,
        [c.error]: '',
        [c.finishedAt]: this.#moment(),
        [c.leaseUntil]: 0,
        [c.notBefore]: 0,
      }
      return (await job.update(done)) > 0
    })
  }

  /** The owner could not do it: another attempt after a pause, or no more. `forGood`: no attempt would end differently. */
  fail(claim: Claim, error: string, { forGood = false } = {}): Promise<AfterFailure> {
    return this.#commits.run(async trx => {
      const job = await this.#find(trx, claim.id)
      if (job?.state !== 'running' || job.fence !== claim.fence) return 'stale'
      return this.#afterAttempt(trx, job, error, forGood)
    })
  }

  /** The owner gives the job back as it was; the attempt does not count. */
  release(claim: Claim): Promise<boolean> {
    const { columns: c, states } = this.table
    return this.#commits.run(async trx => {
      const back = { [c.state]: states.ready, [c.leaseUntil]: 0, [c.attempts]: trx.raw('?? - 1', [c.attempts]) }
      return (await this.#running(trx, claim).update(back)) > 0
    })
  }

  /** Takes jobs back whose owners have not been heard of for the length of their lease. What became of each. */
  async expire(): Promise<Expired[]> {
    const { name, columns: c, states } = this.table
    const over: Row[] = await this.#options
      .db(name)
      .where(c.state, states.running)
      .where(c.leaseUntil, '<', this.#options.clock.now())
      .orderBy(c.leaseUntil)
      .limit(SWEEP)
      .select(c.id, c.fence)
    return this.#expireAll(over, job => job.leaseUntil < this.#options.clock.now())
  }

  /** As {@link expire}, of jobs whose leases a watch has found to be over. One that was renewed meanwhile stays. */
  async expireUnrenewed(watch: LeaseWatch, leaseMs: number): Promise<Expired[]> {
    const { name, columns: c, states } = this.table
    const { db } = this.#options
    const rows: Row[] = await db(name).where(c.state, states.running).select(c.id, c.fence, c.leaseUntil)
    const leases = rows.map(row => ({ ...row, ...claimOf(row, c), leaseUntil: Number(row[c.leaseUntil]) }))
    const over = watch.over(leases, leaseMs)
    const seen = new Map(over.map(({ id, leaseUntil }) => [id, leaseUntil]))
    return this.#expireAll(over, ({ id, leaseUntil }) => seen.get(id) === leaseUntil)
  }

  /** Ready again, with all its attempts, whatever state it is in. How many jobs that were. */
  reset(ids: readonly string[]): Promise<number> {
    const { columns: c, states } = this.table
    return this.#of(ids, { [c.state]: states.ready, [c.attempts]: 0, [c.notBefore]: 0, [c.leaseUntil]: 0 })
  }

  /** Not to be tried any more until somebody resets it; a running attempt loses its claim. */
  park(ids: readonly string[], reason: string): Promise<number> {
    const { columns: c, states } = this.table
    return this.#of(ids, { [c.state]: states.parked, [c.error]: this.#fitting(reason), [c.leaseUntil]: 0 }, [
      'ready',
      'running',
    ])
  }

  remove(ids: readonly string[]): Promise<number> {
    const { name, columns: c } = this.table
    if (ids.length === 0) return Promise.resolve(0)
    return this.#commits.run(trx => trx(name).whereIn(c.id, ids).delete())
  }

  /** Moves jobs that were done before a moment into another table with the same columns. How many. */
  async archive(into: string, doneBefore: number): Promise<number> {
    const { name, columns: c, states, timeUnitMs } = this.table
    return this.#commits.run(async trx => {
      const rows: Row[] = await trx(name)
        .where(c.state, states.done)
        .where(c.finishedAt, '<', Math.floor(doneBefore / timeUnitMs))
        .orderBy([c.createdAt, c.id])
        .limit(SWEEP)
        .select()
      if (rows.length === 0) return 0
      const ids = rows.map(row => String(row[c.id]))
      await trx(into).whereIn(c.id, ids).delete()
      for (const row of rows) await trx(into).insert(row)
      return trx(name).whereIn(c.id, ids).delete()
    })
  }

  async find(id: string, db: Knex = this.#options.db): Promise<Job | undefined> {
    return this.#find(db, id)
  }

  /** A row of this table, or of one with the same columns. */
  jobOf(row: Row): Job {
    return jobOf(this.table, row)
  }

  /** The newest first. `columns`: those wanted of the row, besides the queue's own; default all. */
  list(filter: JobFilter, options: ListOptions): Promise<JobPage> {
    return listJobs(this.#options.db, this.table, filter, options)
  }

  async count(): Promise<Readonly<Record<JobState, number>>> {
    const { name, columns: c, states } = this.table
    const rows: { state: unknown; count: number | string }[] = await this.#options
      .db(name)
      .groupBy(c.state)
      .select({ state: c.state }, this.#options.db.raw('count(*) as count'))
    const of = (state: JobState): number =>
      Number(rows.find(row => String(row.state) === String(states[state]))?.count ?? 0)
    return { ready: of('ready'), running: of('running'), parked: of('parked'), done: of('done') }
  }

  #next(trx: Knex.Transaction, request: ClaimRequest | DueClaim, now: number): Promise<Job | undefined> {
    if ('kinds' in request) return nextReady(trx, this.table, request.kinds, now)
    const { dueColumn } = this.table
    if (dueColumn === undefined) throw new Error(`the jobs of ${this.table.name} have no moment at which they are due`)
    return nextDue(trx, { ...this.table, dueColumn }, request.narrow, now)
  }

  async #serve(claimers: readonly Claimer[], trx: Knex.Transaction): Promise<((Job & Claim) | undefined)[]> {
    const now = this.#options.clock.now()
    const outcomes: ((Job & Claim) | undefined)[] = []
    let turns: { order: FairTurns; kinds: string } | undefined
    for (const claimer of claimers) {
      const kinds = JSON.stringify(claimer.kinds)
      // Who can do other things looks anew: what was taken meanwhile may have been among them.
      if (turns?.kinds !== kinds) turns = { order: await FairTurns.of(trx, this.table, claimer.kinds, now), kinds }
      const job = await turns.order.next(found => this.#take(trx, found, claimer, now))
      if (job !== undefined) await claimer.also?.(trx)
      outcomes.push(job && this.#claimed(job, claimer, now))
    }
    return outcomes
  }

  async #take(trx: Knex.Transaction, job: Job, { owner, leaseMs }: Owner, now: number): Promise<boolean> {
    const { name, columns: c, states } = this.table
    const taken = await trx(name)
      .where({ [c.id]: job.id, [c.state]: states.ready, [c.fence]: job.fence })
      .update({
        [c.state]: states.running,
        [c.owner]: owner,
        [c.startedAt]: this.#moment(),
        [c.fence]: job.fence + 1,
        [c.attempts]: job.attempts + 1,
        [c.leaseUntil]: now + leaseMs,
      })
    return taken > 0
  }

  #claimed(job: Job, { owner, leaseMs }: Owner, now: number): Job & Claim {
    return {
      ...job,
      state: 'running',
      owner,
      startedAt: this.#moment() * this.table.timeUnitMs,
      fence: job.fence + 1,
      attempts: job.attempts + 1,
      leaseUntil: now + leaseMs,
    }
  }

  async #expireAll(rows: readonly Row[], isOver: (job: Job) => boolean): Promise<Expired[]> {
    const outcomes: (Expired | undefined)[] = []
    for (const row of rows) {
      const { id, fence } = claimOf(row, this.table.columns)
      const outcome = await this.#commits.run(async trx => {
        const job = await this.#find(trx, id)
        if (job?.state !== 'running' || job.fence !== fence || !isOver(job)) return undefined
        const error = job.error || `${job.owner} was not heard of any more`
        return { job, became: await this.#afterAttempt(trx, job, error, false) }
      })
      outcomes.push(outcome)
    }
    return outcomes.filter(outcome => outcome !== undefined)
  }

  /** Guarded by the fence: what has been taken over meanwhile stays as it is. */
  async #afterAttempt(trx: Knex.Transaction, job: Job, error: string, forGood: boolean): Promise<AfterFailure> {
    const { columns: c, states } = this.table
    const pauseMs = forGood ? undefined : pauseAfter(job.attempts, this.#options.retry)
    const became = pauseMs === undefined ? 'parked' : 'ready'
    const changed = await this.#running(trx, job).update({
      [c.state]: states[became],
      [c.error]: this.#fitting(error),
      [c.leaseUntil]: 0,
      [c.notBefore]: pauseMs === undefined ? 0 : this.#options.clock.now() + pauseMs,
    })
    return changed > 0 ? became : 'stale'
  }

  #of(ids: readonly string[], changes: Row, states?: readonly JobState[]): Promise<number> {
    const { name, columns: c } = this.table
    if (ids.length === 0) return Promise.resolve(0)
    return this.#commits.run(trx => {
      const jobs = trx(name).whereIn(c.id, ids)
      if (states)
        void jobs.whereIn(
          c.state,
          states.map(state => this.table.states[state]),
        )
      return jobs.update({ ...changes, [c.fence]: trx.raw('?? + 1', [c.fence]) })
    })
  }

  #running(db: Knex, { id, fence }: Claim): Knex.QueryBuilder {
    const { name, columns: c, states } = this.table
    return db(name).where({ [c.id]: id, [c.state]: states.running, [c.fence]: fence })
  }

  async #find(db: Knex, id: string): Promise<Job | undefined> {
    const { name, columns } = this.table
    const [row] = await hotRows<Row>(db, `select * from ${name} where ${columns.id} = ?`, [id])
    return row && jobOf(this.table, row)
  }

  #write<T>(trx: Knex.Transaction | undefined, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    return trx ? work(trx) : this.#commits.run(work)
  }

  #moment(): number {
    return Math.floor(this.#options.clock.now() / this.table.timeUnitMs)
  }

  #fitting(text: string): string {
    return fitting(text, this.table.errorLength)
  }
}
