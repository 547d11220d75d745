import type { Knex } from 'knex'
import type { WindowOutcome, WindowRecord, WindowStep } from '../../../rpc-schema/manager/post-timeline.js'
import type { Clock } from '../../kit/clock.js'
import { inTransaction, isKeyTaken } from '../../kit/database.js'
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

  /** Of these windows, by the epochs at which they open, those with a record. */
  async known(miner: number, opens: readonly number[]): Promise<Set<number>> {
    if (opens.length === 0) return new Set()
    const rows: { open: number }[] = await this.#db('post_windows')
      .where({ miner })
      .whereIn('open', [...opens])
      .select('open')
    return new Set(rows.map(({ open }) => Number(open)))
  }

  /** A record of a window that has none; false when it has one by now. */
  async add(record: WindowRecord): Promise<boolean> {
    try {
      await this.#db('post_windows').insert(rowOf(record))
      return true
    } catch (error) {
      if (isKeyTaken(error)) return false
      throw error
    }
  }

  /** Whether one of these windows, by the epochs at which they open, is of this deadline, and not known to be over. */
  async isOneRunning(miner: number, opens: readonly number[], deadline: number): Promise<boolean> {
    if (opens.length === 0) return false
    const windows = this.#db('post_windows').where({ miner, deadline, outcome: 'running' })
    return (await windows.whereIn('open', [...opens]).first('open')) !== undefined
  }

  /** What became of a window; false when another manager has said so already. */
  async judge(record: WindowRecord): Promise<boolean> {
    const { Miner: miner, Open: open, Outcome: outcome } = record
    const changed = await this.#db('post_windows')
      .where({ miner, open, outcome: 'running' })
      .update({ outcome, record: JSON.stringify(record) })
    return changed > 0
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

  /** Several managers may take notes of the same window: none writes over what another has noted. */
  async #save(record: WindowRecord): Promise<void> {
    const { Miner: miner, Open: open } = record
    await inTransaction(this.#db, async trx => {
      const row = await trx('post_windows').where({ miner, open }).forUpdate().first('record', 'outcome')
      if (row === undefined) {
        await trx('post_windows').insert(rowOf(record))
      } else {
        const merged = JSON.stringify(together(record, fromText(row)))
        if (merged !== row.record) await trx('post_windows').where({ miner, open }).update({ record: merged })
      }
    })
  }
}

const rowOf = (record: WindowRecord) => {
  const { Miner, Open, Close, Deadline, Challenge, Outcome } = record
  return {
    miner: Miner,
    open: Open,
    close: Close,
    deadline: Deadline,
    challenge: Challenge,
    outcome: Outcome,
    record: JSON.stringify(record),
  }
}

const nameOf = ({ Step, At, Epoch, Detail }: WindowStep): string => `${Step}/${At}/${Epoch}/${Detail}`

/** Our notes, and the steps that others have noted. What has been judged stays so. */
function together(ours: WindowRecord, stored: WindowRecord): WindowRecord {
  const known = new Set(ours.Steps.map(nameOf))
  const others = stored.Steps.filter(step => !known.has(nameOf(step)))
  const Steps = others.length === 0 ? ours.Steps : [...ours.Steps, ...others].sort((a, b) => a.At - b.At)
  return {
    ...ours,
    Steps: Steps.slice(-MOST_STEPS),
    Partitions: ours.Partitions || stored.Partitions,
    Skipped: Math.max(ours.Skipped, stored.Skipped),
    Outcome: stored.Outcome,
    Late: stored.Late,
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

/** Who is to be looked at when a step is late. */
export type LatePart = 'chain' | 'storage' | 'proving' | 'messages'

interface LateRule {
  readonly step: WindowStep['Step']
  readonly part: LatePart
  /** The epoch that the last of these steps should not have passed. */
  readonly by: (times: WindowTimes, window: Pick<Window, 'Close'>) => number
  /** Not every prover tells of it. */
  readonly isOptional?: boolean
}

const halfway = (times: WindowTimes, { Close }: Pick<Window, 'Close'>): number =>
  times.submit + Math.floor((Close - times.submit) / 2)

/** In the order in which they are taken: what is late first has made the rest late. */
const LATE_RULES: readonly LateRule[] = [
  { step: 'head', part: 'chain', by: times => times.begin + 2 },
  { step: 'begun', part: 'chain', by: times => times.begin + 2 },
  { step: 'challenge', part: 'chain', by: times => times.begin + 4 },
  { step: 'checked', part: 'storage', by: times => times.submit },
  { step: 'read', part: 'storage', by: times => times.patience, isOptional: true },
  { step: 'proven', part: 'proving', by: halfway },
  { step: 'sent', part: 'messages', by: (times, window) => halfway(times, window) + 1 },
  { step: 'landed', part: 'messages', by: (_, { Close }) => Close - 1 },
]

/** What came later than it should have, and the first step that never came when something is missing. */
export function lateSteps(
  steps: readonly WindowStep[],
  times: WindowTimes,
  window: Pick<Window, 'Close'>,
  outcome: WindowOutcome,
): string[] {
  const last = (name: WindowStep['Step']) => steps.findLast(({ Step }) => Step === name)
  // The challenge is drawn anew in every pass: the first time is what counts.
  const told = (name: WindowStep['Step']) =>
    name === 'challenge' || name === 'head' ? steps.find(({ Step }) => Step === name) : last(name)
  const late = LATE_RULES.flatMap(({ step, part, by }) => {
    const taken = told(step)
    const limit = by(times, window)
    return taken !== undefined && taken.Epoch > limit
      ? [`${part}: ${step} at ${taken.Epoch}, expected by ${limit}`]
      : []
  })
  if (outcome !== 'missed') return late
  const absent = LATE_RULES.find(({ step, isOptional }) => isOptional !== true && told(step) === undefined)
  return absent === undefined ? late : [...late, `${absent.part}: ${absent.step} never came`]
}
