import type { Knex } from 'knex'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { fitting } from '../../kit/database.js'
import type { WorkLease } from '../workers/work-lease.js'

/** A sector whose files are to be made anew. */
export interface RebuildEntry {
  readonly sid: SectorID
  readonly proofType: number
  /** The chain says that data was put into it after it was sealed. */
  readonly upgraded: boolean
  /** Null while it waits. */
  readonly lease: WorkLease | null
  /** The worker that has it has brought the new files to a store. */
  readonly persisted: boolean
  /** How often a worker gave it up. */
  readonly failures: number
}

interface Row {
  miner: number
  number: number
  proof_type: number
  upgraded: number | boolean
  taken_at: number | null
  holder: string | null
  heard_at: number | null
  persisted: number | boolean
  failures: number
}

const FREE = { taken_at: null, holder: null, heard_at: null, persisted: false }

const keyOf = (sid: SectorID) => ({ miner: sid.Miner, number: sid.Number })

function fromRow(row: Row): RebuildEntry {
  return {
    sid: { Miner: Number(row.miner), Number: Number(row.number) },
    proofType: row.proof_type,
    upgraded: Boolean(row.upgraded),
    lease:
      row.taken_at === null
        ? null
        : {
            takenAt: Number(row.taken_at),
            holder: row.holder,
            heardAt: row.heard_at === null ? null : Number(row.heard_at),
          },
    persisted: Boolean(row.persisted),
    failures: row.failures,
  }
}

/** The table `rebuild_queue`. */
export class RebuildRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async put(sid: SectorID, entry: Pick<RebuildEntry, 'proofType' | 'upgraded'>, at: number, trx: Knex): Promise<void> {
    const fresh = {
      ...FREE,
      proof_type: entry.proofType,
      upgraded: entry.upgraded,
      queued_at: at,
      not_before: 0,
      failures: 0,
    }
    await trx('rebuild_queue')
      .insert({ ...keyOf(sid), ...fresh })
      .onConflict(['miner', 'number'])
      .merge(Object.keys(fresh))
  }

  /** The row stays locked until the end of a transaction. */
  async find(sid: SectorID, db: Knex = this.#db): Promise<RebuildEntry | undefined> {
    const row: Row | undefined = await db('rebuild_queue').where(keyOf(sid)).forUpdate().first()
    return row && fromRow(row)
  }

  /** Those that wait and may be given out now, the oldest first. One that would rest for longer than anything does was dated by a clock that has been set since. */
  async waiting(miners: readonly number[], at: number, longestPauseMs: number): Promise<RebuildEntry[]> {
    const rows: Row[] = await this.#db('rebuild_queue')
      .whereNull('taken_at')
      .where(rest => void rest.where('not_before', '<=', at).orWhere('not_before', '>', at + longestPauseMs))
      .modify(query => void (miners.length > 0 && query.whereIn('miner', miners)))
      .orderBy(['queued_at', 'miner', 'number'])
    return rows.map(fromRow)
  }

  async all(): Promise<RebuildEntry[]> {
    return (await this.#db('rebuild_queue').orderBy(['queued_at', 'miner', 'number'])).map(fromRow)
  }

  async taken(): Promise<RebuildEntry[]> {
    return (await this.#db('rebuild_queue').whereNotNull('taken_at')).map(fromRow)
  }

  async take(sid: SectorID, at: number, trx: Knex): Promise<void> {
    await trx('rebuild_queue')
      .where(keyOf(sid))
      .update({ ...FREE, taken_at: at })
  }

  async heard(sid: SectorID, holder: string, at: number): Promise<void> {
    await this.#db('rebuild_queue')
      .where(keyOf(sid))
      .whereNotNull('taken_at')
      .update({ holder: fitting(holder, 255), heard_at: at })
  }

  async persisted(sid: SectorID): Promise<void> {
    await this.#db('rebuild_queue').where(keyOf(sid)).whereNotNull('taken_at').update({ persisted: true })
  }

  /** Gives an entry back to those that wait; it is given out from `notBefore` on. */
  async release(sid: SectorID, failures: number, notBefore: number, trx: Knex): Promise<void> {
    await trx('rebuild_queue')
      .where(keyOf(sid))
      .update({ ...FREE, failures, not_before: notBefore })
  }

  async remove(sid: SectorID, trx: Knex): Promise<void> {
    await trx('rebuild_queue').where(keyOf(sid)).delete()
  }
}
