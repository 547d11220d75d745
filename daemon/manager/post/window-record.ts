import type { Knex } from 'knex'
import type { WindowOutcome, WindowRecord, WindowStep } from '../../../rpc-schema/manager/post-timeline.js'
import type { Clock } from '../../kit/clock.js'
import type { Window, WindowTimes } from './schedule.js'

/** Windows that have closed are kept so long: one week on mainnet is 336 windows a miner. */
const KEPT_WINDOWS_MS = 30 * 24 * 3_600_000
const MOST_STEPS = 200

/** The table `post_windows`: what happened in each window. */
export class WindowRecords {
  readonly #db: Knex
  readonly #clock: Clock

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** The record of a window, made when there is none. */
  async open(miner: number, window: Window): Promise<WindowNotes> {
    const found = await this.#find(miner, window.Open)
    const record: WindowRecord = found ?? {
      Miner: miner,
      Deadline: window.Index,
      Challenge: window.Challenge,
      Open: window.Open,
      Close: window.Close,
      Partitions: 0,
      Skipped: 0,
      Outcome: 'running',
      Steps: [],
      Late: [],
    }
    return new WindowNotes(record, this.#clock, changed => this.#save(changed))
  }

  /** Windows that closed at or before an epoch and whose outcome is not known. */
  async unjudged(miner: number, closed: number): Promise<WindowRecord[]> {
    const rows = await this.#db('post_windows')
      .where({ outcome: 'running', miner })
      .where('close', '<=', closed)
      .select('record')
    return rows.map(fromText)
  }

  save(record: WindowRecord): Promise<void> {
    return this.#save(record)
  }

  /** The newest first. */
  async list(miner: number | null, limit: number): Promise<WindowRecord[]> {
    const rows = await this.#db('post_windows')
      .modify(query => void (miner !== null && query.where({ miner })))
      .orderBy([
        { column: 'open', order: 'desc' },
        { column: 'miner', order: 'asc' },
      ])
      .limit(limit)
      .select('record')
    return rows.map(fromText)
  }

  /** Forgets windows that closed below an epoch. */
  async prune(miner: number, height: number, epochMs: number): Promise<void> {
    await this.#db('post_windows')
      .where({ miner })
      .where('close', '<', height - Math.ceil(KEPT_WINDOWS_MS / epochMs))
      .delete()
  }

  async #find(miner: number, open: number): Promise<WindowRecord | undefined> {
    const row = await this.#db('post_windows').where({ miner, open }).first('record')
    return row && fromText(row)
  }

  async #save(record: WindowRecord): Promise<void> {
    const {
      Miner: miner,
      Open: open,
      Close: close,
      Deadline: deadline,
      Challenge: challenge,
      Outcome: outcome,
    } = record
    await this.#db('post_windows')
      .insert({ miner, open, close, deadline, challenge, outcome, record: JSON.stringify(record) })
      .onConflict(['miner', 'open'])
      .merge(['outcome', 'record'])
  }
}

const fromText = ({ record }: { record: string }): WindowRecord => JSON.parse(record) as WindowRecord

/** What is noted of one window while it goes on. */
export class WindowNotes {
  #record: WindowRecord
  readonly #clock: Clock
  readonly #save: (record: WindowRecord) => Promise<void>
  #saving: Promise<void> = Promise.resolve()

  constructor(record: WindowRecord, clock: Clock, save: (record: WindowRecord) => Promise<void>) {
    this.#record = record
    this.#clock = clock
    this.#save = save
  }

  get record(): WindowRecord {
    return this.#record
  }

  /** A step that was taken; `height` is that of the head. Writing it down never holds up the work. */
  step(step: WindowStep['Step'], height: number, detail = ''): void {
    if (this.#record.Steps.length >= MOST_STEPS) return
    this.change({
      Steps: [...this.#record.Steps, { Step: step, At: this.#clock.now(), Epoch: height, Detail: detail }],
    })
  }

  change(change: Partial<Pick<WindowRecord, 'Steps' | 'Partitions' | 'Skipped'>>): void {
    this.#record = { ...this.#record, ...change }
    const record = this.#record
    this.#saving = this.#saving.then(() => this.#save(record)).catch(() => {})
  }

  /** Everything noted so far is written. */
  saved(): Promise<void> {
    return this.#saving
  }
}

/** How many partitions of a window landed decides what became of it. */
export function outcomeOf(partitions: number, landed: number): WindowOutcome {
  if (partitions === 0) return 'nothing'
  if (landed >= partitions) return 'proven'
  return landed === 0 ? 'missed' : 'partly'
}

/** What came later than it should have: the last time each step was taken, and the epoch that it should not have passed. */
export function lateSteps(steps: readonly WindowStep[], times: WindowTimes, window: Pick<Window, 'Close'>): string[] {
  const limits: Partial<Record<WindowStep['Step'], number>> = {
    begun: times.begin + 2,
    checked: times.submit,
    proven: times.submit + Math.floor((window.Close - times.submit) / 2),
    sent: times.submit + Math.floor((window.Close - times.submit) / 2) + 1,
    landed: window.Close - 1,
  }
  return Object.entries(limits).flatMap(([name, limit]) => {
    const last = steps.findLast(({ Step }) => Step === name)
    return last !== undefined && last.Epoch > limit ? [`${name} at ${last.Epoch}, expected by ${limit}`] : []
  })
}
