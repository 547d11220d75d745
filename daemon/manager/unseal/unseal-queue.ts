import type { Knex } from 'knex'
import type { CID } from 'multiformats/cid'
import type { AllocateUnsealSpec } from '../../../rpc-schema/manager/allocation.js'
import { SECTOR_WORKER_JOB } from '../../../rpc-schema/manager/sector-state.js'
import { type SectorUnsealInfo, UNSEAL_STATE, type UnsealState } from '../../../rpc-schema/manager/unseal.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { onlineRecords } from '../sectors/sector-search.js'
import type { SectorFiles } from '../storage/sector-files.js'
import { ListeningSince } from '../workers/listening-since.js'
import { isLost, type WorkLease } from '../workers/work-lease.js'
import type { WorkerRegistry } from '../workers/worker-registry.js'
import { TaskBell } from './task-bell.js'
import { UnsealRepository } from './unseal-repository.js'
import { type UnsealSource, unsealSource } from './unseal-source.js'
import { type Asking, decideSet, isOver, taskName, type UnsealRequestOf, type UnsealTask } from './unseal-task.js'

export interface UnsealQueueOptions {
  /** Actors that this manager works for. */
  miners: ReadonlyMap<number, unknown>
  db: Knex
  book: SectorBook
  files: Pick<SectorFiles, 'find'>
  workers: WorkerRegistry
  clock: Clock
  log: Logger
}

/** How a task stands after it was asked for; `error` why it failed. */
export interface TaskAnswer {
  readonly state: UnsealState
  readonly error: string
}

/** How often workers may give a task up before it has failed. */
const MOST_FAILURES = 3

/**
 * Pieces that are to be read back from sectors. A task stays here until somebody was told how it ended.
 *
 * | state     | event                                                 | next                          |
 * |-----------|-------------------------------------------------------|-------------------------------|
 * | –         | asked for                                             | set_up                        |
 * | set_up    | AllocateUnsealSector, the sector is not in other work  | unsealing, record online      |
 * | set_up    | … and was upgraded, which the worker cannot read       | set_up: another one gets it    |
 * | set_up    | … and the record does not tell how to unseal           | failed                        |
 * | unsealing | AcquireUnsealDest                                     | uploading                     |
 * | any       | AchieveUnsealSector                                   | finished, or failed with a reason |
 * | in work   | ReportFinalized or ReportAborted before that           | set_up; the third time failed |
 * | in work   | nothing heard of its worker for too long               | set_up, record offline        |
 * | finished, failed | asked for again                                | see `decideSet`               |
 */
export class UnsealQueue {
  readonly #options: UnsealQueueOptions
  readonly #tasks: UnsealRepository
  readonly #bell = new TaskBell()
  readonly #listening: ListeningSince
  /** When a worker that can read upgraded sectors asked last, ms since the Unix epoch. */
  #upgradesAskedAt: number | undefined

  constructor(options: UnsealQueueOptions) {
    this.#options = options
    this.#tasks = new UnsealRepository(options.db)
    this.#listening = new ListeningSince(options.clock)
  }

  /** Asks for a piece, or for how far it is. */
  async set(request: UnsealRequestOf, asking: Asking): Promise<TaskAnswer> {
    const { sid, pieceCid, dest } = request
    const { miners, book, clock, log } = this.#options
    if (!miners.has(sid.Miner)) throw new Error(`config for miner actor ${sid.Miner} not found`)
    if (request.size === 0) throw new Error(`unseal ${taskName(sid, pieceCid)}: the size of the piece is not given`)
    const found = await book.find(sid)
    if (found === undefined) throw new Error(`unseal ${taskName(sid, pieceCid)}: there is no record of the sector`)
    const wish = { ...request, upgraded: found.record.Upgraded }
    return book.transaction(async trx => {
      const task = await this.#tasks.find(sid, pieceCid, trx)
      const decision = decideSet(task, dest, asking)
      const setUp: TaskAnswer = { state: UNSEAL_STATE.setUp, error: '' }
      switch (decision.do) {
        case 'create':
          await this.#tasks.insert(wish, dest, clock.now(), trx)
          log.info({ sector: sectorName(sid), piece: pieceCid.toString() }, 'unseal task set')
          return setUp
        case 'restart':
          await this.#tasks.restart(wish, decision.dests, clock.now(), trx)
          return setUp
        case 'append':
          await this.#tasks.setDests(sid, pieceCid, decision.dests, trx)
          return { state: task!.state, error: '' }
        case 'keep':
          return { state: task!.state, error: '' }
        case 'forget':
          await this.#tasks.remove(sid, pieceCid, trx)
          return { state: task!.state, error: task!.error }
        case 'refuse':
          throw new Error(`unseal ${taskName(sid, pieceCid)}: ${decision.why}`)
      }
    })
  }

  /** Gives out the task that waits longest and fits; null when there is none. */
  async allocate(spec: AllocateUnsealSpec): Promise<SectorUnsealInfo | null> {
    if (spec.Upgraded) this.#upgradesAskedAt = this.#options.clock.now()
    await this.#takeBackLost()
    for (const task of await this.#tasks.waiting(spec.AllowedMiners, spec.Upgraded === true)) {
      try {
        const info = await this.#give(task, spec)
        if (info !== null) return info
      } catch (error) {
        const { sid, pieceCid } = task
        this.#options.log.error({ err: error, task: taskName(sid, pieceCid) }, `unseal waits: ${errorText(error)}`)
      }
    }
    return null
  }

  /** Where a piece goes to; from now on no destination is added. */
  async acquireDest(sid: SectorID, pieceCid: CID): Promise<string[]> {
    const dests = await this.#options.book.transaction(async trx => {
      const task = await this.#tasks.find(sid, pieceCid, trx)
      if (task === undefined) throw notFound('acquire unseal dest', sid, pieceCid)
      if (!isOver(task.state)) await this.#tasks.setState(sid, pieceCid, UNSEAL_STATE.uploading, '', trx)
      return [...task.dests]
    })
    return dests
  }

  /** A task has ended, well when there is no error. Told again, it stays as it is. */
  async achieve(sid: SectorID, pieceCid: CID, error: string): Promise<void> {
    const { book, log } = this.#options
    await book.transaction(async trx => {
      const task = await this.#tasks.find(sid, pieceCid, trx)
      if (task === undefined) throw notFound('achieve unseal info', sid, pieceCid)
      if (task.state === UNSEAL_STATE.finished) return
      const state = error === '' ? UNSEAL_STATE.finished : UNSEAL_STATE.failed
      await this.#tasks.setState(sid, pieceCid, state, error, trx)
      await this.#note(sid, error === '' ? 'piece unsealed' : 'unseal failed', `${pieceCid} ${error}`, trx)
    })
    if (error !== '') log.warn({ task: taskName(sid, pieceCid) }, `unseal failed: ${error}`)
    this.#bell.ring()
  }

  list(): Promise<UnsealTask[]> {
    return this.#tasks.all()
  }

  /** What a task waits for that not every worker brings; empty when it does not wait for that. */
  waitsFor({ state, upgraded }: UnsealTask): string {
    if (state !== UNSEAL_STATE.setUp || !upgraded) return ''
    const asked = this.#upgradesAskedAt
    const when =
      asked === undefined ? 'none has asked this manager since its start' : `one asked last at ${isoTime(asked)}`
    return `the sector was upgraded: for workers of Sealyard with plan = "unseal" only; ${when}`
  }

  /** A worker told of a step. */
  heard(sid: SectorID, worker: string): Promise<void> {
    return this.#tasks.heard(sid, worker, this.#options.clock.now())
  }

  /** The worker of a sector is done with it. What it has not achieved waits for another worker, until that has happened too often. */
  async end(sid: SectorID, reason: string | null, trx: Knex): Promise<void> {
    for (const task of await this.#tasks.inWorkOf(sid, trx)) {
      const failures = task.failures + 1
      const why = reason ?? 'the worker ended without an upload'
      if (failures < MOST_FAILURES) await this.#tasks.release(sid, task.pieceCid, failures, trx)
      else
        await this.#tasks.setState(sid, task.pieceCid, UNSEAL_STATE.failed, `given up ${failures} times: ${why}`, trx)
      await this.#note(sid, 'unseal given up', `${task.pieceCid}: ${why}`, trx)
    }
    this.#bell.ring()
  }

  /** Waits until a task has ended, or is gone. */
  async ended(sid: SectorID, pieceCid: CID, signal: AbortSignal): Promise<UnsealTask | undefined> {
    for (;;) {
      const rung = this.#bell.next(this.#options.clock, signal)
      const task = await this.#tasks.find(sid, pieceCid)
      if (task === undefined || isOver(task.state)) return task
      await rung
      signal.throwIfAborted()
    }
  }

  /** Somebody was told how a task ended. */
  async forget(sid: SectorID, pieceCid: CID, dest: string): Promise<void> {
    await this.#options.book.transaction(async trx => {
      const task = await this.#tasks.find(sid, pieceCid, trx)
      if (task !== undefined && isOver(task.state) && task.dests.includes(dest))
        await this.#tasks.remove(sid, pieceCid, trx)
    })
  }

  /** Records that came from elsewhere with the mark of a task that nobody knows here go back. */
  async start(): Promise<void> {
    for await (const { ID } of onlineRecords(this.#options.db, SECTOR_WORKER_JOB.unseal))
      if ((await this.#tasks.inWorkOf(ID, this.#options.db)).length === 0)
        await this.#options.book.transaction(trx => this.#putBack(ID, 'no unseal task of it is known', trx))
  }

  /** Null when the task cannot be given out now. */
  async #give(task: UnsealTask, spec: AllocateUnsealSpec): Promise<SectorUnsealInfo | null> {
    const { sid, pieceCid } = task
    const { book, clock } = this.#options
    const found = await book.find(sid)
    if (found === undefined) return this.#fail(task, 'there is no record of the sector')
    const { record } = found
    // One task of a sector after another: a record has one mark for all of them. What is sealed, rebuilt or upgraded now is unsealed after that.
    if (found.store !== 'offline') return null
    if (spec.AllowedProofTypes.length > 0 && !spec.AllowedProofTypes.includes(record.SectorType)) return null
    if (record.Removed) return this.#fail(task, 'the files of the sector were removed')
    const source = unsealSource(record)
    if (typeof source === 'string') return this.#fail(task, source)
    const upgraded = source.upgrade !== undefined
    // It may have been upgraded since the task was set.
    if (upgraded !== task.upgraded) await this.#tasks.setUpgraded(sid, pieceCid, upgraded)
    if (upgraded && !spec.Upgraded) return null
    const index = upgraded ? 'upgrade' : 'normal'
    const { Found, Instance } = await this.#options.files.find(index, sid)
    if (!Found) return this.#fail(task, `it is not known in which store the sector is (${index} index)`)
    if (Instance.SealedFile !== Instance.CacheDir)
      return this.#fail(task, `the sector lies in two stores, ${Instance.SealedFile} and ${Instance.CacheDir}`)
    return book.transaction(async trx => {
      const now = await this.#tasks.find(sid, pieceCid, trx)
      if (now?.state !== UNSEAL_STATE.setUp || (await book.find(sid, trx))?.store !== 'offline') return null
      await this.#tasks.take(sid, pieceCid, clock.now(), trx)
      const cause = { actor: 'manager', event: 'given out for unseal', detail: pieceCid.toString() }
      const mark = (offline: typeof record): void => {
        offline.Unsealing = true
      }
      await book.restore(sid, cause, mark, trx)
      return infoOf(now, source, Instance.SealedFile)
    })
  }

  async #fail({ sid, pieceCid }: UnsealTask, why: string): Promise<null> {
    await this.achieve(sid, pieceCid, why)
    return null
  }

  async #takeBackLost(): Promise<void> {
    const moment = this.#listening.look()
    const { workers, log } = this.#options
    for (const { sid, pieceCid, lease } of await this.#tasks.inWork()) {
      if (lease === null) continue
      const lastPing = await workers.lastPing(lease.holder)
      if (!isLost(lease, lastPing, moment)) continue
      const worker = lease.holder ?? 'a worker that never reported'
      log.warn({ task: taskName(sid, pieceCid), worker }, 'unseal: nothing is heard of its worker, it waits again')
      await this.#takeBack(sid, pieceCid, lease, `nothing was heard of ${worker}`)
    }
  }

  async #takeBack(sid: SectorID, pieceCid: CID, lost: WorkLease, why: string): Promise<void> {
    await this.#options.book.transaction(async trx => {
      const task = await this.#tasks.find(sid, pieceCid, trx)
      if (task?.lease?.takenAt !== lost.takenAt || task.lease.heardAt !== lost.heardAt) return
      await this.#tasks.release(sid, pieceCid, task.failures, trx)
      await this.#putBack(sid, why, trx)
    })
  }

  async #putBack(sid: SectorID, why: string, trx: Knex.Transaction): Promise<void> {
    const { book } = this.#options
    const found = await book.find(sid, trx)
    if (found?.store !== 'online' || !found.record.Unsealing) return
    const cause = { actor: 'manager', event: 'unseal waits again', detail: why }
    await book.finalize(
      sid,
      cause,
      record => {
        record.Unsealing = false
        return true
      },
      trx,
    )
  }

  #note(sid: SectorID, event: string, detail: string, trx: Knex): Promise<void> {
    return this.#options.book.note(sid, { actor: 'manager', event, detail }, trx)
  }
}

const isoTime = (ms: number): string => new Date(ms).toISOString()

const notFound = (what: string, sid: SectorID, pieceCid: CID): Error =>
  new Error(`${what}(${taskName(sid, pieceCid)}): task not found`)

const infoOf = (task: UnsealTask, source: UnsealSource, store: string): SectorUnsealInfo => ({
  Sector: source.sector,
  PieceCid: task.pieceCid,
  Offset: task.offset,
  Size: task.size,
  PrivateInfo: { AccessInstance: store },
  Ticket: source.ticket,
  CommD: source.commD,
  Dest: [...task.dests],
  State: UNSEAL_STATE.unsealing,
  ErrorInfo: '',
  ...(source.upgrade && { Upgrade: source.upgrade }),
})
