import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import type { MinerPoStConfig } from '../../../../rpc-schema/manager/miner-config.js'
import type { PostRehearsal } from '../../../../rpc-schema/manager/post-rehearsal.js'
import type { WindowRecord } from '../../../../rpc-schema/manager/post-timeline.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { type DeadlineInfo, newDeadlineInfo, nextNotElapsed } from '../../../../rpc-schema/wire/deadline.js'
import type { Clock } from '../../../kit/clock.js'
import type { Alarms } from '../../alarms/alarms.js'
import type { HeadTracker } from '../../chain/head-tracker.js'
import { checkLimitMs } from '../../config/check-limit.js'
import type { CommonSettings } from '../../config/manager-settings.js'
import { epochMs } from '../poster-parts.js'
import { comingWindow, windowTimes } from '../schedule.js'
import { median, provingMs } from './pace.js'
import { type RehearsalParts, rehearse } from './rehearsal.js'
import type { RehearsalRepository } from './rehearsal-repository.js'

export interface ForesightParts extends RehearsalParts {
  readonly heads: HeadTracker
  readonly repository: RehearsalRepository
  readonly alarms: Alarms
  readonly clock: Clock
  /** Read anew at every use. */
  readonly limits: Pick<CommonSettings['Proving'], 'SingleCheckTimeout' | 'Rehearsal'>
  settings(miner: number): MinerPoStConfig
  /** A trial is over. */
  rehearsed?(record: PostRehearsal): void
}

/** One sector: beyond this its store hangs. */
const SECTOR_LIMIT_MS = 60_000
/** What a trial may take of one store: by itself, and by hand. */
const STORE_LIMIT_MS = { automatic: 2 * 60_000, byHand: 2 * 3_600_000 } as const
/** A trial waits for proofs that are being made, but not beyond so many epochs before the challenge. */
const LAST_EPOCHS = 10
/** Between two trials of a miner: chains for tests have windows of seconds. */
const LEAST_PAUSE_MS = 5 * 60_000
/** A trial that ends with an error is made again at another head. */
const MOST_ATTEMPTS = 3
/** Windows of which it is known how long they took. */
const REMEMBERED_WINDOWS = 8

interface Begun {
  readonly open: number
  readonly at: number
  attempts: number
  isOver: boolean
}

/** Before each deadline some of its sectors are read for trial, and it is told whether there will be time enough. */
export class Foresight {
  readonly #parts: ForesightParts
  readonly #begun = new Map<number, Begun>()
  readonly #working = new Set<Promise<unknown>>()
  readonly #stopping = new AbortController()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: ForesightParts) {
    this.#parts = parts
  }

  /** Begins the trial of the coming window, in the background, when it is time to. `isBusy`: proofs are being made. */
  onHead(miner: number, present: DeadlineInfo, head: TipSet, isBusy: boolean): void {
    const { clock, limits } = this.#parts
    const { SectorsPerPartition: sectors } = limits.Rehearsal
    const window = comingWindow(present, head.Height)
    const before = this.#begun.get(miner)
    if (sectors === 0 || (isBusy && head.Height < window.Challenge - LAST_EPOCHS)) return
    if (before?.open === window.Open && (!before.isOver || before.attempts >= MOST_ATTEMPTS)) return
    if (before !== undefined && clock.monotonic() - before.at < LEAST_PAUSE_MS) return
    const attempts = before?.open === window.Open ? before.attempts + 1 : 1
    const begun = { open: window.Open, at: clock.monotonic(), attempts, isOver: false }
    this.#begun.set(miner, begun)
    const trial = this.#prepared(miner, window, 0)
      .then(async record => {
        if (attempts === 1 && !(await this.#parts.repository.begin(record))) return
        const done = await this.#inTurn(record, sectors, STORE_LIMIT_MS.automatic)
        if (done.Verdict === 'failed') begun.isOver = true
      })
      .catch((error: unknown) => {
        begun.isOver = true
        this.#parts.log.warn({ miner, deadline: window.Index, err: error }, `rehearsal: ${errorText(error)}`)
      })
    this.#background(trial)
  }

  /** Begins a trial; null: of the coming deadline. What it shows is found in the list. */
  async byHand(miner: number, deadline: number | null, sectors: number): Promise<PostRehearsal> {
    const { node, heads, repository, clock } = this.#parts
    const head = await heads.fresh()
    const present = await node.api.StateMinerProvingDeadline(Address.fromId(miner), head.Cids)
    const window = deadline === null ? comingWindow(present, head.Height) : windowOf(present, deadline, head.Height)
    const record = await this.#prepared(miner, window, clock.now())
    if (!(await repository.begin(record))) throw new Error(`a rehearsal of miner ${miner} has just been begun`)
    this.#background(this.#inTurn(record, sectors, STORE_LIMIT_MS.byHand))
    return record
  }

  list(miner: number | null, limit: number): Promise<PostRehearsal[]> {
    return this.#parts.repository.list(miner, limit)
  }

  /** What a window took that is over, for the forecasts of others; alarms about it are over. */
  async learn(window: WindowRecord): Promise<void> {
    const { repository, alarms } = this.#parts
    const subject = subjectOf(window.Miner, window.Deadline)
    for (const kind of ['forecast', 'unread'] as const) alarms.clear(kind, subject)
    const took = provingMs(window)
    const record = await repository.ofWindow(window.Miner, window.Open)
    if (record === undefined || took === undefined) return
    await repository.save({ ...record, TookMs: took })
  }

  async idle(): Promise<void> {
    await Promise.all(this.#working)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the manager stops'))
    await this.idle()
  }

  #background(work: Promise<unknown>): void {
    const kept = work.catch(() => undefined).finally(() => this.#working.delete(kept))
    this.#working.add(kept)
  }

  async #prepared(miner: number, window: DeadlineInfo, serial: number): Promise<PostRehearsal> {
    const { settings, clock, repository, heads, node } = this.#parts
    const { begin, lastBegin } = windowTimes(window, settings(miner))
    const leftMs = (lastBegin - begin) * (await epochMs({ heads, node }))
    const history = await repository.list(miner, REMEMBERED_WINDOWS * 2)
    const rests = history.flatMap(({ TookMs, Partitions }) => {
      const readMs = Partitions.reduce((sum, { ReadMs }) => sum + ReadMs, 0)
      return TookMs > 0 && Partitions.length > 0 ? [Math.max(0, TookMs - readMs) / Partitions.length] : []
    })
    return {
      Miner: miner,
      Open: window.Open,
      Serial: serial,
      Deadline: window.Index,
      ByHand: serial !== 0,
      At: clock.now(),
      Verdict: 'running',
      Error: '',
      Partitions: [],
      Stores: [],
      Unread: [],
      UnreadCount: 0,
      RestMs: Math.round(median(rests.slice(0, REMEMBERED_WINDOWS))),
      NeededMs: 0,
      LeftMs: Math.round(leftMs),
      TookMs: 0,
    }
  }

  /** One trial at a time: they measure stores. */
  #inTurn(record: PostRehearsal, sectors: number, storeMs: number): Promise<PostRehearsal> {
    const trial = this.#turn.then(() => this.#make(record, sectors, storeMs))
    this.#turn = trial.catch(() => undefined)
    return trial
  }

  async #make(record: PostRehearsal, sectors: number, storeMs: number): Promise<PostRehearsal> {
    const { limits, repository, clock, log } = this.#parts
    const { Miner: miner, Deadline: deadline, RestMs: restMs, LeftMs: leftMs } = record
    const sectorMs = Math.min(checkLimitMs(limits.SingleCheckTimeout), SECTOR_LIMIT_MS)
    let done: PostRehearsal
    try {
      const task = { miner, deadline, sectors, restMs, leftMs, limits: { sectorMs, storeMs } }
      done = { ...record, ...(await rehearse(this.#parts, task, this.#stopping.signal)) }
    } catch (error) {
      log.warn({ miner, deadline, err: error }, `rehearsal of deadline ${deadline}: ${errorText(error)}`)
      done = { ...record, Verdict: 'failed', Error: errorText(error) }
    }
    await repository.save(done)
    await repository.prune(clock.now() - limits.Rehearsal.KeepFor)
    this.#tell(done)
    return done
  }

  #tell(record: PostRehearsal): void {
    const { alarms, log, rehearsed } = this.#parts
    const { Miner: miner, Deadline: deadline, Open: open, Verdict: verdict, UnreadCount: unread } = record
    rehearsed?.(record)
    if (verdict === 'failed') return
    const subject = subjectOf(miner, deadline)
    const neededS = Math.round(record.NeededMs / 1_000)
    const leftS = Math.round(record.LeftMs / 1_000)
    const told = { miner, deadline, open, verdict, neededS, leftS, unread }
    const text = `deadline ${deadline} needs about ${neededS} s of the ${leftS} s that there are`
    log[verdict === 'late' ? 'error' : verdict === 'tight' || unread > 0 ? 'warn' : 'info'](told, `rehearsal: ${text}`)
    if (verdict === 'late') alarms.raise('forecast', subject, text)
    else alarms.clear('forecast', subject)
    const [first] = record.Unread
    if (first === undefined) alarms.clear('unread', subject)
    else alarms.raise('unread', subject, `${unread} sectors, the first is ${first.Sector}: ${first.Why}`)
  }
}

export const subjectOf = (miner: number, deadline: number): string => `miner ${miner}, deadline ${deadline}`

/** The next time that a deadline opens, or has opened and is not closed. */
function windowOf(present: DeadlineInfo, index: number, height: number): DeadlineInfo {
  if (index >= present.WPoStPeriodDeadlines)
    throw new Error(`deadline ${index}: expected one below ${present.WPoStPeriodDeadlines}`)
  return nextNotElapsed(newDeadlineInfo(present.PeriodStart, index, height, present))
}
