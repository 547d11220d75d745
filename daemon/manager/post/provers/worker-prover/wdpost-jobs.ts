import type { Knex } from 'knex'
import { z } from 'zod'
import {
  type AllocateWdPoStJobSpec,
  type WdPoStAllocatedJob,
  type WdPoStInput,
  type WdPoStPart,
  WindowPoStOutput,
} from '../../../../../rpc-schema/manager/wdpost-job.js'
import type { Clock } from '../../../../kit/clock.js'
import type { Logger } from '../../../../kit/log.js'
import { JobQueue } from '../../../../kit/queue/job-queue.js'
import { BackgroundLoop } from '../../../concurrency/background-loop.js'
import type { CommonSettings } from '../../../config/manager-settings.js'
import { proofIdOf } from './job-id.js'
import { JobRepository, type WdPostJob, type WindowJobCount, wdPostJobOf } from './job-repository.js'
import { COLUMNS_OF_LIST, DUE_UNKNOWN, dueOf, ENDED, newJobColumns, WDPOST_TABLE } from './job-table.js'
import { outlookOf } from './proof-outlook.js'
import { type ReadingLimits, SplitProofs } from './split-proofs.js'

export interface WdPostJobsOptions {
  readonly db: Knex
  readonly clock: Clock
  readonly log: Logger
  /** Read anew at every use. */
  readonly settings: CommonSettings['Proving']['WorkerProver']
  /** Read anew at every use. */
  readonly limits: ReadingLimits
}

export interface NewProof {
  readonly proofId: string
  readonly input: WdPoStInput
  readonly inputText: string
  readonly deadline: number
  readonly partitions: readonly number[]
  readonly closesAt: number | undefined
  readonly isTrial: boolean
  readonly challenge: string
}

/** What is known of a proof that workers are asked for. `isRead`: what is left to do needs no store. */
export type ProofState =
  | { readonly state: 'unknown' }
  | { readonly state: 'open'; readonly isRead: boolean }
  | { readonly state: 'done'; readonly output: Pick<WindowPoStOutput, 'proofs' | 'faults'> }
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
/** Nobody has asked for jobs of a part for so long: that is worth a word when there are some. */
const UNASKED_MS = 60_000

/**
 * Window PoSt jobs for workers, in the database. A job that closes first is given first; a worker that is silent for longer than the heartbeat
 * timeout loses it; a proof is taken from whoever brings it, a failure only from the one who is at the job.
 */
export class WdPostJobs {
  readonly #options: WdPostJobsOptions
  readonly #queue: JobQueue
  readonly #repository: JobRepository
  readonly split: SplitProofs
  readonly #sweeps: BackgroundLoop
  readonly #waiting = new Map<string, Set<() => void>>()
  /** When someone last asked for jobs of a part, or we have said that nobody does. */
  readonly #askedFor: Record<WdPoStPart, number>
  #cleanUpAt = Number.NEGATIVE_INFINITY
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(options: WdPostJobsOptions) {
    const { db, clock, log, settings, limits } = options
    const now = clock.monotonic()
    this.#askedFor = { whole: now, read: now, prove: now }
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
    this.split = new SplitProofs({ db, queue: this.#queue, repository: this.#repository, clock, log, settings, limits })
    this.#sweeps = new BackgroundLoop({
      name: 'window PoSt jobs',
      log,
      clock,
      intervalMs: () => Math.min(SWEEP_MS, settings.HeartbeatTimeout / 2),
      step: () => this.#look(),
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
    const { Split } = this.#options.settings
    const added = Split ? await this.split.add(proof) : await this.#addWhole(proof)
    if (!proof.isTrial) await this.beforeTrials(proof)
    return added
  }

  async #addWhole(proof: NewProof): Promise<boolean> {
    const copies = Math.max(1, this.#options.settings.Redundancy)
    const { proofId, input, inputText, deadline, partitions, challenge } = proof
    const before = (await this.#repository.copies(proofId)).filter(({ part }) => part !== 'read').length
    let added = false
    for (let copy = before + 1; copy <= before + copies; copy++) {
      const job = {
        id: copy === 1 ? proofId : `${proofId}-${copy}`,
        group: String(input.MinerId),
        kind: input.ProofType,
      }
      const isNew = await this.#queue.add(
        job,
        newJobColumns({
          proofId,
          taskId: proofId,
          part: 'whole',
          copies,
          deadline,
          partitions,
          dueAt: dueOf(proof),
          challenge,
          stores: '',
          waits: 0,
          sectors: input.Sectors.length,
          input: inputText,
        }),
      )
      added ||= isNew
    }
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

  /** Workers that do not say which parts they can do are given whole jobs only. */
  async allocate(spec: AllocateWdPoStJobSpec, num: number, worker: string): Promise<WdPoStAllocatedJob[]> {
    const { AllowedMiners: miners, AllowedProofTypes: proofs, AllowedParts = [] } = spec
    const parts: readonly WdPoStPart[] = AllowedParts.length > 0 ? AllowedParts : ['whole']
    const { settings, db, clock, log } = this.#options
    for (const part of parts) this.#askedFor[part] = clock.monotonic()
    const readable = parts.includes('read') ? await this.split.readable(spec.Stores) : []
    const taken: WdPoStAllocatedJob[] = []
    const most = Math.min(num, MOST_AT_ONCE)
    // Some of what is claimed has turned out to have nothing to do, or to wait.
    for (let claims = 0; taken.length < most && claims < most + MOST_AT_ONCE; claims++) {
      const job = await this.#queue.claim({
        owner: worker,
        leaseMs: settings.HeartbeatTimeout,
        narrow: ready => {
          void ready.where('due_at', '>', clock.now()).where('waits', 0)
          void ready.where(can =>
            can
              .whereIn(
                'part',
                parts.filter(part => part !== 'read'),
              )
              .orWhere(reads => reads.where('part', 'read').whereIn('stores', readable)),
          )
          if (miners.length > 0) void ready.whereIn('miner', miners.map(String))
          if (proofs.length > 0) void ready.whereIn('proof_type', [...new Set(proofs)])
          // A copy of the same work is for somebody else.
          const own = db(WDPOST_TABLE.name)
            .where('owner', worker)
            .where('copies', '>', 1)
            .whereIn('state', ['running', 'done'])
          void ready.whereNotIn('task_id', own.select('task_id'))
        },
      })
      if (job === undefined) break
      const claimed = {
        ...wdPostJobOf(job.row),
        owner: worker,
        state: job.state,
        fence: job.fence,
        attempts: job.attempts,
      }
      const granted = await this.split.grant(claimed, job)
      if (granted === undefined) {
        this.#tell(claimed.proofId)
        continue
      }
      log.info({ job: job.id, part: claimed.part, worker, try: job.attempts }, 'window PoSt job given to a worker')
      taken.push(granted)
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
    if (job.part === 'read')
      await this.split.finishRead(job, output, reason, (failed, why) => this.#failed(failed, why))
    else if (job.part === 'prove' && reason === '' && output !== null && output.faults.length > 0)
      // No store was touched for it: a program that does not know `vanilla_files` finds no file of any sector.
      await this.#failed(
        job,
        'the prover names faulty sectors, though it was to prove what had been read: does its program for window_post know vanilla_files?',
      )
    else if (reason === '' && output !== null && output.proofs.length + output.faults.length > 0)
      await this.#succeeded(job, output)
    else await this.#failed(job, reason || 'the worker has neither a proof nor faulty sectors')
    this.#tell(job.proofId)
  }

  /** Ready again, with all its attempts. */
  async reset(id: string): Promise<void> {
    if (!(await this.#repository.reset(id))) throw new Error(`job '${id}' does not exist`)
    this.#options.log.info({ job: id }, 'window PoSt job reset')
    const job = (await this.#repository.find([id])).get(id)
    if (job?.part === 'read') await this.split.revive(job)
    await this.split.recount(proofIdOf(id), { isLess: false })
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

  /** Those that are not done. */
  count(): Promise<WindowJobCount[]> {
    return this.#repository.count()
  }

  async stateOf(proofId: string): Promise<ProofState> {
    const outlook = outlookOf(await this.#repository.copies(proofId))
    if (outlook.state === 'faulty') {
      const faults = await Promise.all(outlook.readers.map(async ({ id }) => (await this.#output(id))?.faults ?? []))
      return { state: 'done', output: { proofs: [], faults: [...new Set(faults.flat())].sort((a, b) => a - b) } }
    }
    if (outlook.state !== 'done') return outlook
    const output = await this.#output(outlook.job.id)
    // Removed or reset between the two looks.
    return output === undefined ? { state: 'open', isRead: false } : { state: 'done', output }
  }

  /** Makes a proof anew: the one that was brought did not hold, or nobody wanted it any more. */
  async renew(proof: Pick<NewProof, 'proofId' | 'closesAt' | 'isTrial'>): Promise<void> {
    const { proofId } = proof
    // An end that was reckoned before may be over already: the chain has been slower since.
    await this.#repository.setDue(proofId, dueOf(proof))
    for (const { id, state, ended } of await this.#repository.copies(proofId))
      if (state === 'done' || ended !== '') await this.#repository.reset(id)
    await this.split.recount(proofId, { isLess: false })
  }

  /** Whether proofs for the chain are wanted of workers, by any manager of the database. */
  hasRealWork(): Promise<boolean> {
    return this.#repository.hasRealWork()
  }

  /** Nobody waits for this trial any more; a proof for the chain that shows the same goes on. */
  async dropTrial(proofId: string): Promise<void> {
    const ids = (await this.#repository.trials()).get(proofId)
    if (ids === undefined) return
    await this.#repository.end(jobs => void jobs.whereIn('id', [...ids]), ENDED.dropped)
    await this.split.release(await this.#repository.copies(proofId))
  }

  /** Nobody waits for this proof any more, but for another in its place: what was read for it is good for one with the same challenge. */
  async drop(proofId: string, instead: Pick<NewProof, 'challenge'>): Promise<void> {
    await this.#repository.end(jobs => void jobs.where('proof_id', proofId), ENDED.dropped)
    const jobs = await this.#repository.copies(proofId)
    await this.split.release(jobs.filter(({ challenge }) => challenge !== instead.challenge))
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

  /** After a time in which nobody could be heard, at a start or with the database away, workers have a whole lease to be heard in. */
  async #look(): Promise<void> {
    const { clock, settings } = this.#options
    if (clock.monotonic() - this.#lookedAt > settings.HeartbeatTimeout / 2)
      await this.#queue.extend(settings.HeartbeatTimeout)
    await this.sweep()
    this.#lookedAt = clock.monotonic()
  }

  /** Takes jobs from silent workers, ends those whose deadline has closed, forgets old ones. */
  async sweep(): Promise<void> {
    const { clock, log, settings } = this.#options
    for (const { job, became } of await this.#queue.expire()) {
      if (became === 'stale') continue
      await this.#repository.unheard(job.id, 'heartbeat timeout')
      const { proofId } = wdPostJobOf(job.row)
      if (became === 'parked') {
        await this.#repository.failedFor(job.id)
        await this.split.settle(proofId)
      }
      log.warn({ job: job.id, worker: job.owner, try: job.attempts }, 'window PoSt job: heartbeat timeout')
      this.#tell(proofId)
    }
    const closed = await this.#repository.end(jobs => void jobs.where('due_at', '<=', clock.now()), ENDED.deadline)
    if (closed > 0) log.warn({ jobs: closed }, 'window PoSt jobs ended: their deadlines have closed')
    await this.split.forgetOld()
    for (const part of ['read', 'prove'] as const) await this.#tellUnasked(part)
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
    await this.split.release([job])
  }

  /** The wire does not say who reports: where a worker has been silent before, it may be that one, and the one at work is not to lose its job by it. */
  async #failed(job: WdPostJob, reason: string): Promise<string | undefined> {
    const { log } = this.#options
    const { id, fence, state, owner } = job
    if (await this.#repository.lateReport(id)) {
      log.warn({ job: id, reason }, 'a worker that had been silent reports a failure: the job is not touched by it')
      return undefined
    }
    if (state !== 'running') {
      log.warn({ job: id, reason, state }, 'a failure of a job that nobody is at is not taken')
      return undefined
    }
    const became = await this.#queue.fail({ id, fence }, reason)
    if (became === 'parked') await this.#repository.failedFor(id)
    log.warn({ job: id, worker: owner, try: job.attempts, became }, `window PoSt job failed: ${reason}`)
    // What it was to be made of may be gone.
    if (job.part === 'prove') await this.split.recount(job.proofId, { isLess: false })
    return became
  }

  async #output(id: string): Promise<WindowPoStOutput | undefined> {
    const text = await this.#repository.output(id)
    return text === undefined ? undefined : z.decode(WindowPoStOutput, JSON.parse(text))
  }

  /** Jobs for parts that no worker of the yard does would wait until their deadline. */
  async #tellUnasked(part: WdPoStPart): Promise<void> {
    const { clock, log } = this.#options
    const now = clock.monotonic()
    if (now - this.#askedFor[part] < UNASKED_MS || !(await this.#repository.isOneReady(part))) return
    this.#askedFor[part] = now
    log.warn(
      { part },
      `window PoSt jobs wait, and no worker asks for those that ${part}: give a thread with plan "wdpost" sealing.window_parts = ["${part}"], or set Common.Proving.WorkerProver.Split = false`,
    )
  }

  #tell(id: string): void {
    for (const listener of this.#waiting.get(proofIdOf(id)) ?? []) listener()
  }
}
