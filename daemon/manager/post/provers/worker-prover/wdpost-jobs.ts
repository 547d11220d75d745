import type { Knex } from 'knex'
import { z } from 'zod'
import {
  type AllocateWdPoStJobSpec,
  type WdPoStAllocatedJob,
  WdPoStInput,
  WindowPoStOutput,
} from '../../../../../rpc-schema/manager/wdpost-job.js'
import type { Clock } from '../../../../kit/clock.js'
import type { Logger } from '../../../../kit/log.js'
import { JobQueue } from '../../../../kit/queue/job-queue.js'
import { BackgroundLoop } from '../../../concurrency/background-loop.js'
import type { CommonSettings } from '../../../config/manager-settings.js'
import { JobRepository, type WdPostJob, wdPostJobOf } from './job-repository.js'
import { COLUMNS_OF_LIST, DUE_TRIAL, DUE_UNKNOWN, ENDED, WDPOST_TABLE } from './job-table.js'

export interface WdPostJobsOptions {
  readonly db: Knex
  readonly clock: Clock
  readonly log: Logger
  /** Read anew at every use. */
  readonly settings: CommonSettings['Proving']['WorkerProver']
}

export interface NewProof {
  readonly proofId: string
  readonly input: WdPoStInput
  readonly inputText: string
  readonly deadline: number
  readonly partitions: readonly number[]
  readonly closesAt: number | undefined
  readonly isTrial: boolean
}

/** What is known of a proof that workers are asked for. */
export type ProofState =
  | { readonly state: 'unknown' | 'open' }
  | { readonly state: 'done'; readonly id: string; readonly worker: string; readonly output: WindowPoStOutput }
  | { readonly state: 'failed'; readonly jobs: readonly WdPostJob[] }

const SWEEP_MS = 2_000
const CLEAN_UP_MS = 30 * 60_000
/** Jobs that are deleted in one statement. */
const CLEAN_UP_JOBS = 128
const LIST_PAGE = 500
/** Most jobs for one question: a job is a partition, which takes a machine for minutes. */
const MOST_AT_ONCE = 128
/** The next attempt is soon, but gives another worker the chance to be the next to ask. */
const RETRY_PAUSE_MS = 3_000

/**
 * Window PoSt jobs for workers, in the database. A job that closes first is given first; a worker that is silent for longer than the heartbeat
 * timeout loses it; a proof is taken from whoever brings it, a failure only from the one who is at the job.
 */
export class WdPostJobs {
  readonly #options: WdPostJobsOptions
  readonly #queue: JobQueue
  readonly #repository: JobRepository
  readonly #sweeps: BackgroundLoop
  readonly #waiting = new Map<string, Set<() => void>>()
  #cleanUpAt = Number.NEGATIVE_INFINITY

  constructor(options: WdPostJobsOptions) {
    const { db, clock, log, settings } = options
    this.#options = options
    this.#queue = new JobQueue({
      db,
      table: WDPOST_TABLE,
      retry: {
        get maxAttempts() {
          return settings.JobMaxTry
        },
        firstPauseMs: RETRY_PAUSE_MS,
        longestPauseMs: RETRY_PAUSE_MS,
      },
      clock,
    })
    this.#repository = new JobRepository(db, clock)
    this.#sweeps = new BackgroundLoop({
      name: 'window PoSt jobs',
      log,
      clock,
      intervalMs: () => Math.min(SWEEP_MS, settings.HeartbeatTimeout / 2),
      step: () => this.sweep(),
    })
  }

  start(): void {
    this.#sweeps.start()
  }

  stop(): Promise<void> {
    return this.#sweeps.stop()
  }

  /** Most attempts of one job. */
  get maxTry(): number {
    return this.#options.settings.JobMaxTry
  }

  /** Asks workers for a proof, beside what they have been asked for it before; false when another has just done so. */
  async add(proof: NewProof): Promise<boolean> {
    const copies = Math.max(1, this.#options.settings.Redundancy)
    const { proofId, input, inputText, deadline, partitions, closesAt, isTrial } = proof
    const before = (await this.#repository.copies(proofId)).length
    let added = false
    for (let copy = before + 1; copy <= before + copies; copy++) {
      const job = {
        id: copy === 1 ? proofId : `${proofId}-${copy}`,
        group: String(input.MinerId),
        kind: input.ProofType,
      }
      const isNew = await this.#queue.add(job, {
        proof_id: proofId,
        copies,
        unheard: 0,
        deadline,
        partitions: JSON.stringify(partitions),
        due_at: isTrial ? DUE_TRIAL : (closesAt ?? DUE_UNKNOWN),
        sectors: input.Sectors.length,
        faults: 0,
        heartbeat_at: 0,
        ended: '',
        input: inputText,
        output: null,
      })
      added ||= isNew
    }
    if (!isTrial) await this.beforeTrials(proof)
    return added
  }

  /**
   * A proof for the chain is wanted: it is one even if a trial was first to ask for the same, and workers are free of the trials of all managers of the
   * database.
   */
  async beforeTrials({ proofId, closesAt }: Pick<NewProof, 'proofId' | 'closesAt'>): Promise<void> {
    for (const [proof, ids] of await this.#repository.trials())
      if (proof === proofId) await this.#repository.becomeReal(ids, closesAt ?? DUE_UNKNOWN)
      else await this.#repository.end(jobs => void jobs.whereIn('id', [...ids]), ENDED.trial)
  }

  async allocate(spec: AllocateWdPoStJobSpec, num: number, worker: string): Promise<WdPoStAllocatedJob[]> {
    const { AllowedMiners: miners, AllowedProofTypes: proofs } = spec
    const { settings, db, clock, log } = this.#options
    const taken: WdPoStAllocatedJob[] = []
    while (taken.length < Math.min(num, MOST_AT_ONCE)) {
      const job = await this.#queue.claim({
        owner: worker,
        leaseMs: settings.HeartbeatTimeout,
        narrow: ready => {
          void ready.where('due_at', '>', clock.now())
          if (miners.length > 0) void ready.whereIn('miner', miners.map(String))
          if (proofs.length > 0) void ready.whereIn('proof_type', [...new Set(proofs)])
          // A copy of the same proof is for somebody else.
          const own = db(WDPOST_TABLE.name)
            .where('owner', worker)
            .where('copies', '>', 1)
            .whereIn('state', ['running', 'done'])
          void ready.whereNotIn('proof_id', own.select('proof_id'))
        },
      })
      if (job === undefined) break
      log.info({ job: job.id, worker, try: job.attempts }, 'window PoSt job given to a worker')
      taken.push({ Id: job.id, Input: z.decode(WdPoStInput, JSON.parse(String(job.row.input))) })
    }
    return taken
  }

  async heartbeat(ids: readonly string[], worker: string): Promise<void> {
    const obstacle = await this.#repository.heard(ids, worker, this.#options.settings.HeartbeatTimeout)
    if (obstacle === undefined) return
    if (obstacle === 'gone') throw new Error('key not found')
    throw new Error(`job '${obstacle.id}' is not a job of ${worker} any more: ${obstacle.owner} has it`)
  }

  async finish(id: string, output: WindowPoStOutput | null, reason: string): Promise<void> {
    const job = (await this.#repository.find([id])).get(id)
    if (job === undefined) throw new Error('key not found')
    if (reason === '' && output !== null && output.proofs.length + output.faults.length > 0)
      await this.#succeeded(job, output)
    else await this.#failed(job, reason || 'the worker has neither a proof nor faulty sectors')
    this.#tell(job.proofId)
  }

  /** Ready again, with all its attempts. */
  async reset(id: string): Promise<void> {
    if (!(await this.#repository.reset(id))) throw new Error(`job '${id}' does not exist`)
    this.#options.log.info({ job: id }, 'window PoSt job reset')
    this.#tell(id)
  }

  /** One that is not there is no error. */
  async remove(id: string): Promise<void> {
    const removed = await this.#queue.remove([id])
    if (removed > 0) this.#options.log.info({ job: id }, 'window PoSt job removed')
    this.#tell(id)
  }

  /** The newest first, without inputs and outputs. */
  async all(): Promise<WdPostJob[]> {
    const jobs: WdPostJob[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await this.#queue.list({}, { limit: LIST_PAGE, cursor, columns: COLUMNS_OF_LIST })
      jobs.push(...page.jobs.map(job => wdPostJobOf(job.row)))
      if (page.next === undefined) return jobs
      cursor = page.next
    }
  }

  async stateOf(proofId: string): Promise<ProofState> {
    const jobs = await this.#repository.copies(proofId)
    if (jobs.length === 0) return { state: 'unknown' }
    const done = jobs.find(({ state }) => state === 'done')
    if (done !== undefined) {
      const text = await this.#repository.output(done.id)
      // Removed or reset between the two looks.
      if (text === undefined) return { state: 'open' }
      const output = z.decode(WindowPoStOutput, JSON.parse(text))
      return { state: 'done', id: done.id, worker: done.owner, output }
    }
    return jobs.every(({ state }) => state === 'parked') ? { state: 'failed', jobs } : { state: 'open' }
  }

  /** Makes a proof anew: the one that was brought did not hold, or nobody wanted it any more. */
  async renew(proofId: string): Promise<void> {
    for (const { id, state, ended } of await this.#repository.copies(proofId))
      if (state === 'done' || ended !== '') await this.#repository.reset(id)
  }

  /** Whether proofs for the chain are wanted of workers, by any manager of the database. */
  hasRealWork(): Promise<boolean> {
    return this.#repository.hasRealWork()
  }

  /** Nobody waits for this trial any more; a proof for the chain that shows the same goes on. */
  async dropTrial(proofId: string): Promise<void> {
    const ids = (await this.#repository.trials()).get(proofId)
    if (ids !== undefined) await this.#repository.end(jobs => void jobs.whereIn('id', [...ids]), ENDED.dropped)
  }

  /** Nobody waits for this proof any more. */
  async drop(proofId: string): Promise<void> {
    await this.#repository.end(jobs => void jobs.where('proof_id', proofId), ENDED.dropped)
  }

  /** Calls when something has become of a proof, in this process; others are seen by looking. Returns how to stop that. */
  onChange(proofId: string, listener: () => void): () => void {
    const listeners = this.#waiting.get(proofId) ?? new Set()
    this.#waiting.set(proofId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#waiting.delete(proofId)
    }
  }

  /** Takes jobs from silent workers, ends those whose deadline has closed, forgets old ones. */
  async sweep(): Promise<void> {
    const { clock, log, settings } = this.#options
    for (const { job, became } of await this.#queue.expire()) {
      if (became === 'stale') continue
      await this.#repository.unheard(job.id, 'heartbeat timeout')
      if (became === 'parked') await this.#repository.failedFor(job.id)
      log.warn({ job: job.id, worker: job.owner, try: job.attempts }, 'window PoSt job: heartbeat timeout')
      this.#tell(wdPostJobOf(job.row).proofId)
    }
    const closed = await this.#repository.end(jobs => void jobs.where('due_at', '<=', clock.now()), ENDED.deadline)
    if (closed > 0) log.warn({ jobs: closed }, 'window PoSt jobs ended: their deadlines have closed')
    if (clock.monotonic() < this.#cleanUpAt) return
    let forgotten = 0
    for (let some = CLEAN_UP_JOBS; some === CLEAN_UP_JOBS; forgotten += some)
      some = await this.#repository.forget(clock.now() - settings.JobLifetime, CLEAN_UP_JOBS)
    if (forgotten > 0) log.info({ jobs: forgotten }, 'old window PoSt jobs forgotten')
    this.#cleanUpAt = clock.monotonic() + CLEAN_UP_MS
  }

  async #succeeded(job: WdPostJob, output: WindowPoStOutput): Promise<void> {
    const { db, log } = this.#options
    const values = {
      output: JSON.stringify(z.encode(WindowPoStOutput, output)),
      faults: output.faults.length,
      ended: '',
    }
    if (!(await this.#queue.complete({ id: job.id }, job.owner, values))) return
    log.info({ job: job.id, worker: job.owner, faults: output.faults.length }, 'window PoSt job done')
    await this.#repository.end(jobs => void jobs.where('proof_id', job.proofId), ENDED.faster, db)
  }

  /** The wire does not say who reports: where a worker has been silent before, it may be that one, and the one at work is not to lose its job by it. */
  async #failed(job: WdPostJob, reason: string): Promise<void> {
    const { log } = this.#options
    const { id, fence, state, owner } = job
    if (await this.#repository.lateReport(id)) {
      log.warn({ job: id, reason }, 'a worker that had been silent reports a failure: the job is not touched by it')
      return
    }
    if (state !== 'running') {
      log.warn({ job: id, reason, state }, 'a failure of a job that nobody is at is not taken')
      return
    }
    const became = await this.#queue.fail({ id, fence }, reason)
    if (became === 'parked') await this.#repository.failedFor(id)
    log.warn({ job: id, worker: owner, try: job.attempts, became }, `window PoSt job failed: ${reason}`)
  }

  #tell(proofId: string): void {
    for (const listener of this.#waiting.get(proofId.replace(/-\d+$/, '')) ?? []) listener()
  }
}
