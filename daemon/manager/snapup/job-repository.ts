import type { Knex } from 'knex'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { fitting, hotRows, TEXT_COLUMN } from '../../kit/database.js'
import type { SnapUpJob, SnapUpState } from './job.js'

interface Row {
  miner: number
  number: number
  deadline: number | null
  state: SnapUpState
  attempts: number
  failed_messages: number
  next_at: number
  note: string
  updated_at: number
}

const keyOf = (sid: SectorID) => ({ miner: sid.Miner, number: sid.Number })

const fromRow = (row: Row): SnapUpJob => ({
  sid: { Miner: Number(row.miner), Number: Number(row.number) },
  deadline: row.deadline,
  state: row.state,
  attempts: row.attempts,
  failedMessages: row.failed_messages,
  nextAt: Number(row.next_at),
  note: row.note,
  changedAt: Number(row.updated_at),
})

/** The table `snapup_jobs`. */
export class JobRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** The row stays locked until the end of a transaction. */
  async find(sid: SectorID, db: Knex = this.#db): Promise<SnapUpJob | undefined> {
    const row: Row | undefined = await db('snapup_jobs').where(keyOf(sid)).forUpdate().first()
    return row && fromRow(row)
  }

  async all(): Promise<SnapUpJob[]> {
    return (await this.#db('snapup_jobs').orderBy(['miner', 'number'])).map(fromRow)
  }

  /** Those in a state that are to be looked at. */
  async due(states: readonly SnapUpState[], now: number): Promise<SnapUpJob[]> {
    // At every head, and mostly there are none.
    const sql = `select * from snapup_jobs where state in (${states.map(() => '?').join(', ')}) and next_at <= ?
      order by next_at, miner, number`
    return (await hotRows<Row>(this.#db, sql, [...states, now])).map(fromRow)
  }

  async insert(
    sid: SectorID,
    { deadline, state }: Pick<SnapUpJob, 'deadline' | 'state'>,
    at: number,
    trx: Knex,
  ): Promise<void> {
    await trx('snapup_jobs').insert({
      ...keyOf(sid),
      deadline,
      state,
      attempts: 0,
      next_at: 0,
      note: '',
      updated_at: at,
    })
  }

  async update(
    sid: SectorID,
    patch: Partial<Pick<SnapUpJob, 'state' | 'attempts' | 'failedMessages' | 'nextAt' | 'note'>>,
    at: number,
    trx: Knex = this.#db,
  ): Promise<void> {
    const { nextAt, note, failedMessages, ...same } = patch
    await trx('snapup_jobs')
      .where(keyOf(sid))
      .update({
        ...same,
        ...(nextAt !== undefined && { next_at: nextAt }),
        ...(failedMessages !== undefined && { failed_messages: failedMessages }),
        ...(note !== undefined && { note: fitting(note, TEXT_COLUMN) }),
        updated_at: at,
      })
  }

  async remove(sid: SectorID, trx: Knex): Promise<void> {
    await trx('snapup_jobs').where(keyOf(sid)).delete()
  }
}
