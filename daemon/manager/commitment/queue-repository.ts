import type { Knex } from 'knex'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { hotRows, hotRun } from '../../kit/database.js'
import type { MessageKind } from './chain-message.js'

/** A sector that waits to be put into a message. */
export interface Waiting {
  readonly number: number
  /** ms since the Unix epoch. */
  readonly queuedAt: number
  /** Height of the chain then. */
  readonly queuedEpoch: number
  /** How often in a row the node refused a message with it, for reasons that could not be found out. */
  readonly refusals: number
}

interface Row {
  number: number | string
  queued_at: number | string
  queued_epoch: number | string
  refusals: number
}

const keyOf = (sid: SectorID, kind: MessageKind) => ({ miner: sid.Miner, number: sid.Number, kind })

/** The table `commit_queue`. */
export class QueueRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** A sector that waits already keeps its place. */
  async put(sid: SectorID, kind: MessageKind, at: number, epoch: number, trx: Knex): Promise<void> {
    await trx('commit_queue')
      .insert({ ...keyOf(sid, kind), queued_at: at, queued_epoch: epoch, refusals: 0 })
      .onConflict(['miner', 'number', 'kind'])
      .ignore()
  }

  async remove(sid: SectorID, kind: MessageKind, trx: Knex): Promise<void> {
    const sql = 'delete from commit_queue where miner = ? and number = ? and kind = ?'
    await hotRun(trx, sql, [sid.Miner, sid.Number, kind])
  }

  async has(sid: SectorID, kind: MessageKind, db: Knex = this.#db): Promise<boolean> {
    return (await db('commit_queue').where(keyOf(sid, kind)).first('number')) !== undefined
  }

  /** Whether a sector waits; if so, it does until the end of the transaction. */
  async keep(sid: SectorID, kind: MessageKind, trx: Knex.Transaction): Promise<boolean> {
    return (await trx('commit_queue').where(keyOf(sid, kind)).forUpdate().first('number')) !== undefined
  }

  async removeAll(sid: SectorID, kinds: readonly MessageKind[], trx: Knex): Promise<void> {
    await trx('commit_queue').where({ miner: sid.Miner, number: sid.Number }).whereIn('kind', kinds).delete()
  }

  /** In the order in which they came. */
  async waiting(miner: number, kind: MessageKind): Promise<Waiting[]> {
    const sql = 'select * from commit_queue where miner = ? and kind = ? order by queued_at, number'
    const rows = await hotRows<Row>(this.#db, sql, [miner, kind])
    return rows.map(row => ({
      number: Number(row.number),
      queuedAt: Number(row.queued_at),
      queuedEpoch: Number(row.queued_epoch),
      refusals: row.refusals,
    }))
  }

  async countRefusal(sid: SectorID, kind: MessageKind): Promise<number> {
    await this.#db('commit_queue').where(keyOf(sid, kind)).increment('refusals', 1)
    const row = await this.#db('commit_queue').where(keyOf(sid, kind)).first('refusals')
    return row?.refusals ?? 0
  }
}
