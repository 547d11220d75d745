import type { Knex } from 'knex'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { SECTOR_WORKER_JOB } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { steadyClock } from '../../kit/steady-clock.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import { BackgroundLoop } from '../concurrency/background-loop.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { onlineRecords } from '../sectors/sector-search.js'
import type { Candidates } from './candidates.js'
import { DROPPABLE, LOOKED_AT, type SnapUpJob, type SnapUpState, STOPPED } from './job.js'
import type { JobRepository } from './job-repository.js'
import { retryWait } from './retry.js'
import type { ReadyUpdate } from './update-message.js'
import { MOST_UPDATES, type UpdateSender } from './update-sender.js'
import type { StepOutcome, UpdateSteps } from './update-steps.js'

export interface SnapUpJobsOptions {
  miners: ReadonlyMap<number, MinerSetup>
  db: Knex
  book: SectorBook
  heads: HeadTracker
  candidates: Candidates
  jobs: JobRepository
  steps: Pick<UpdateSteps, 'prepare' | 'finish'>
  sender: Pick<UpdateSender, 'send'>
  clock: Clock
  log: Logger
}

/** Beside every new head: for what waits for time, and where the heads stay away. */
const LOOK_MS = { most: 180_000, least: 100 } as const

/** Brings upgrades to the chain and to their end, step by step; where each stands is in the database. */
export class SnapUpJobs {
  readonly #options: SnapUpJobsOptions
  readonly #loop: BackgroundLoop
  /** Of the pauses after failures: a clock that is set ends none, and lengthens none. */
  readonly #steady: Clock
  /** Epochs before which a look at a sector would be in vain. */
  readonly #notBefore = new Map<string, number>()
  #unsubscribe = (): void => {}

  constructor(options: SnapUpJobsOptions) {
    this.#options = options
    const { clock, log } = options
    this.#steady = steadyClock(clock)
    const step = (signal: AbortSignal): Promise<void> => this.#step(signal)
    this.#loop = new BackgroundLoop({ name: 'snap-up', log, clock, intervalMs: () => this.#restMs(), step })
  }

  /** Takes up what stood still, and what came from elsewhere without a job. */
  async start(): Promise<void> {
    const { jobs, clock, heads, db, book } = this.#options
    for await (const record of onlineRecords(db, SECTOR_WORKER_JOB.snapup)) {
      if ((await jobs.find(record.ID)) !== undefined) continue
      const landed = record.UpgradeLandedEpoch !== null
      const state = record.UpgradedInfo === null ? 'allocated' : landed ? 'landed' : 'submitting'
      await book.transaction(trx => jobs.insert(record.ID, { deadline: null, state }, clock.now(), trx))
    }
    // One that waits for a message looks for it again: it may have been lost while nobody was here to hear of it.
    for (const { sid } of await jobs.due([...STOPPED, 'waiting'], Number.MAX_SAFE_INTEGER))
      await jobs.update(sid, { state: 'submitting', attempts: 0, nextAt: 0 }, clock.now())
    // How long the others still had to pause was written down by a clock that may have been set since.
    for (const { sid } of await jobs.due(LOOKED_AT, Number.MAX_SAFE_INTEGER))
      await jobs.update(sid, { nextAt: 0 }, clock.now())
    this.#unsubscribe = heads.subscribe(({ undoneFrom }) => {
      if (undoneFrom !== undefined) this.#notBefore.clear()
      this.#loop.wake()
    })
    this.#loop.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    await this.#loop.stop()
  }

  /** A worker gets the sector. */
  begin(sid: SectorID, deadline: number, trx: Knex.Transaction): Promise<void> {
    return this.#options.jobs.insert(sid, { deadline, state: 'allocated' }, this.#options.clock.now(), trx)
  }

  /** The proof is here: from now on it is to be sent. */
  async submitted(sid: SectorID, trx: Knex.Transaction): Promise<void> {
    const { jobs, clock } = this.#options
    if ((await jobs.find(sid, trx)) === undefined)
      await jobs.insert(sid, { deadline: null, state: 'submitting' }, clock.now(), trx)
    const fresh = { state: 'submitting', attempts: 0, failedMessages: 0, nextAt: 0, note: '' } as const
    await jobs.update(sid, fresh, clock.now(), trx)
    this.#notBefore.delete(sectorName(sid))
  }

  /** Those that a person has to look at. */
  async failed(): Promise<SnapUpJob[]> {
    return this.#options.jobs.due(['failed'], Number.MAX_SAFE_INTEGER)
  }

  list(): Promise<SnapUpJob[]> {
    return this.#options.jobs.all()
  }

  wake(): void {
    this.#loop.wake()
  }

  /** Stops the sending. What is with the chain already is followed to its end. */
  async cancel(sid: SectorID): Promise<void> {
    const { book, jobs, clock } = this.#options
    await book.exclusively(sid, () =>
      book.transaction(async trx => {
        if ((await jobs.find(sid, trx))?.state !== 'submitting') return
        await jobs.update(sid, { state: 'cancelled', note: 'cancelled by an operator' }, clock.now(), trx)
        await book.note(sid, { actor: 'operator', event: 'upgrade cancelled' }, trx)
      }),
    )
  }

  /** Before the deals of a sector go back: from now on it is not sent. The caller has the sector for itself. */
  async stopSending(sid: SectorID): Promise<void> {
    const { book, jobs, clock } = this.#options
    await book.transaction(async trx => {
      const job = await jobs.find(sid, trx)
      if (job === undefined) return
      if (!DROPPABLE.has(job.state))
        throw new Error(
          `the upgrade of ${sectorName(sid)} is on its way to the chain (${job.state}): giving it up would release deals that are in it`,
        )
      await jobs.update(sid, { state: 'dropping', note: 'given up' }, clock.now(), trx)
    })
  }

  /** The upgrade is given up; the sector is a candidate again. */
  async drop(sid: SectorID, trx: Knex.Transaction): Promise<void> {
    const { jobs, candidates } = this.#options
    const job = await jobs.find(sid, trx)
    if (job === undefined) return
    await jobs.remove(sid, trx)
    if (job.deadline !== null) await candidates.putBack(sid.Miner, { number: sid.Number, deadline: job.deadline }, trx)
  }

  /** As often as the most impatient miner wants. */
  #restMs(): number {
    const wanted = [...this.#options.miners.values()].flatMap(({ SnapUp: { Retry } }) => [
      Retry.PollInterval,
      Retry.APIFailureWait,
      Retry.LocalFailureWait,
    ])
    return Math.max(LOOK_MS.least, Math.min(LOOK_MS.most, ...wanted.filter(ms => ms > 0)))
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { jobs, heads } = this.#options
    const due = await jobs.due(LOOKED_AT, this.#steady.now())
    if (due.length === 0) return
    const head = await heads.fresh()
    const now = due.filter(({ sid }) => head.Height >= (this.#notBefore.get(sectorName(sid)) ?? 0))
    for (const job of now.filter(({ state }) => state === 'landed')) {
      if (signal.aborted) return
      await this.#finish(job, head)
    }
    const toSend = now.filter(({ state }) => state === 'submitting')
    for (const miner of new Set(toSend.map(({ sid }) => sid.Miner))) {
      const ofMiner = toSend.filter(({ sid }) => sid.Miner === miner)
      for (let from = 0; from < ofMiner.length; from += MOST_UPDATES) {
        if (signal.aborted) return
        const together = ofMiner.slice(from, from + MOST_UPDATES)
        // Somebody else may have one of the sectors for longer than is waited for: that is for the next look.
        await this.#submit(miner, together, head).catch(error =>
          this.#options.log.warn({ err: error, miner }, `upgrades wait: ${errorText(error)}`),
        )
      }
    }
  }

  async #finish({ sid }: SnapUpJob, head: TipSet): Promise<void> {
    const { book, steps } = this.#options
    await book.exclusively(sid, async () => {
      const job = await this.#still(sid, 'landed')
      if (job === undefined) return
      try {
        await this.#note(job, await steps.finish(sid, head))
      } catch (error) {
        await this.#failed(job, error)
      }
    })
  }

  /** Upgrades of one miner: those that the chain would take now go together. */
  async #submit(miner: number, jobs: readonly SnapUpJob[], head: TipSet): Promise<void> {
    const sids = jobs.map(({ sid }) => sid)
    await this.#holding(sids, async () => {
      const ready = new Map<string, { job: SnapUpJob; update: ReadyUpdate }>()
      for (const sid of sids) {
        const job = await this.#still(sid, 'submitting')
        if (job === undefined) continue
        try {
          const outcome = await this.#options.steps.prepare(sid, head)
          if (outcome.kind === 'ready') ready.set(sectorName(sid), { job, update: outcome.update })
          else await this.#note(job, outcome)
        } catch (error) {
          await this.#failed(job, error)
        }
      }
      await this.#send(miner, ready, head)
    })
  }

  async #send(
    miner: number,
    ready: ReadonlyMap<string, { readonly job: SnapUpJob; readonly update: ReadyUpdate }>,
    head: TipSet,
  ): Promise<void> {
    const { miners, sender } = this.#options
    const open = new Map(ready)
    try {
      const updates = [...ready.values()].map(({ update }) => update)
      for (const { update, outcome } of await sender.send(updates, miners.get(miner)!, head)) {
        const name = sectorName(update.record.ID)
        await this.#note(ready.get(name)!.job, outcome)
        open.delete(name)
      }
    } catch (error) {
      for (const { job } of open.values()) await this.#failed(job, error)
    }
  }

  /** The job as it is now, when it is still in this state: it may have been cancelled or given up while it waited for its turn. */
  async #still(sid: SectorID, state: SnapUpState): Promise<SnapUpJob | undefined> {
    const job = await this.#options.jobs.find(sid)
    return job?.state === state ? job : undefined
  }

  /** Work on some sectors, while nobody else works on them. */
  #holding<T>([sid, ...others]: readonly SectorID[], work: () => Promise<T>): Promise<T> {
    if (sid === undefined) return work()
    return this.#options.book.exclusively(sid, () => this.#holding(others, work))
  }

  async #note(job: SnapUpJob, outcome: StepOutcome): Promise<void> {
    const { jobs, clock } = this.#options
    const { sid } = job
    this.#notBefore.delete(sectorName(sid))
    switch (outcome.kind) {
      case 'done':
        if (job.attempts > 0) await jobs.update(sid, { attempts: 0 }, clock.now())
        return
      case 'later':
        this.#notBefore.set(sectorName(sid), outcome.epoch)
        if (job.note !== outcome.why) await jobs.update(sid, { note: outcome.why, attempts: 0 }, clock.now())
        return
      case 'again':
        return this.#failed(job, outcome.error ?? new Error(outcome.why))
      case 'failed':
        return this.#giveUp(job, outcome.why)
    }
  }

  /** A failure that may pass: tried again after the wait of its kind, as often as is configured. */
  async #failed(job: SnapUpJob, error: unknown): Promise<void> {
    const { jobs, clock, log, miners } = this.#options
    // Or one whose message is on its way already would be tried again.
    if ((await this.#still(job.sid, job.state)) === undefined) return
    const retry = miners.get(job.sid.Miner)?.SnapUp.Retry
    const attempts = job.attempts + 1
    const why = errorText(error)
    if (retry?.MaxAttempts !== undefined && retry.MaxAttempts !== null && attempts >= retry.MaxAttempts)
      return this.#giveUp(job, `${attempts} times, the last time: ${why}`)
    log.warn({ err: error, sector: sectorName(job.sid), attempts }, `upgrade waits: ${why}`)
    const nextAt = this.#steady.now() + retryWait(retry, error)
    await jobs.update(job.sid, { attempts, nextAt, note: why }, clock.now())
  }

  async #giveUp({ sid, state }: SnapUpJob, why: string): Promise<void> {
    const { jobs, clock, log, book } = this.#options
    if ((await this.#still(sid, state)) === undefined) return
    log.error({ sector: sectorName(sid) }, `the upgrade is not sent any more, a person has to look: ${why}`)
    await jobs.update(sid, { state: 'failed', note: why }, clock.now())
    await book.note(sid, { actor: 'manager', event: 'upgrade failed', detail: why })
  }
}
