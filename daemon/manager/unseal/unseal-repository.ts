import type { Knex } from 'knex'
import { CID } from 'multiformats/cid'
import { UNSEAL_STATE, type UnsealState } from '../../../rpc-schema/manager/unseal.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { fitting, TEXT_COLUMN } from '../../kit/database.js'
import type { UnsealRequestOf, UnsealTask } from './unseal-task.js'

interface Row {
  miner: number
  number: number
  piece_cid: string
  offset: number
  size: number
  dests: string
  state: UnsealState
  error: string
  taken_at: number | null
  holder: string | null
  heard_at: number | null
  failures: number
  upgraded: boolean | number
}

const FREE = { taken_at: null, holder: null, heard_at: null }

const ofSector = (sid: SectorID) => ({ miner: sid.Miner, number: sid.Number })
const keyOf = (sid: SectorID, pieceCid: CID) => ({ ...ofSector(sid), piece_cid: pieceCid.toString() })

const fromRow = (row: Row): UnsealTask => ({
  sid: { Miner: Number(row.miner), Number: Number(row.number) },
  pieceCid: CID.parse(row.piece_cid),
  offset: Number(row.offset),
  size: Number(row.size),
  dests: JSON.parse(row.dests) as string[],
  state: row.state,
  error: row.error,
  lease:
    row.taken_at === null
      ? null
      : {
          takenAt: Number(row.taken_at),
          holder: row.holder,
          heardAt: row.heard_at === null ? null : Number(row.heard_at),
        },
  failures: row.failures,
  upgraded: Boolean(row.upgraded),
})

/** What is asked for, and whether the sector is an upgraded one. */
type Wish = Omit<UnsealRequestOf, 'dest'> & Pick<UnsealTask, 'upgraded'>

/** The table `unseal_tasks`: at most one for a piece in a sector. */
export class UnsealRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** The row stays locked until the end of a transaction. */
  async find(sid: SectorID, pieceCid: CID, db: Knex = this.#db): Promise<UnsealTask | undefined> {
    const row: Row | undefined = await db('unseal_tasks').where(keyOf(sid, pieceCid)).forUpdate().first()
    return row && fromRow(row)
  }

  async insert({ sid, pieceCid, offset, size, upgraded }: Wish, dest: string, at: number, trx: Knex): Promise<void> {
    await trx('unseal_tasks').insert({
      ...keyOf(sid, pieceCid),
      ...FREE,
      offset,
      size,
      dests: JSON.stringify([dest]),
      state: UNSEAL_STATE.setUp,
      error: '',
      created_at: at,
      failures: 0,
      upgraded,
    })
  }

  async remove(sid: SectorID, pieceCid: CID, trx: Knex): Promise<void> {
    await trx('unseal_tasks').where(keyOf(sid, pieceCid)).delete()
  }

  async setDests(sid: SectorID, pieceCid: CID, dests: readonly string[], trx: Knex): Promise<void> {
    await trx('unseal_tasks')
      .where(keyOf(sid, pieceCid))
      .update({ dests: JSON.stringify(dests) })
  }

  /** The task waits for a worker, with what is asked for now. */
  async restart(
    { sid, pieceCid, offset, size, upgraded }: Wish,
    dests: readonly string[],
    at: number,
    trx: Knex,
  ): Promise<void> {
    await trx('unseal_tasks')
      .where(keyOf(sid, pieceCid))
      .update({
        ...FREE,
        offset,
        size,
        dests: JSON.stringify(dests),
        state: UNSEAL_STATE.setUp,
        error: '',
        created_at: at,
        failures: 0,
        upgraded,
      })
  }

  async setUpgraded(sid: SectorID, pieceCid: CID, upgraded: boolean): Promise<void> {
    await this.#db('unseal_tasks').where(keyOf(sid, pieceCid)).update({ upgraded })
  }

  async take(sid: SectorID, pieceCid: CID, at: number, trx: Knex): Promise<void> {
    await trx('unseal_tasks')
      .where(keyOf(sid, pieceCid))
      .update({ ...FREE, state: UNSEAL_STATE.unsealing, taken_at: at })
  }

  /** Gives a task back to those that wait. */
  async release(sid: SectorID, pieceCid: CID, failures: number, trx: Knex): Promise<void> {
    await trx('unseal_tasks')
      .where(keyOf(sid, pieceCid))
      .update({ ...FREE, state: UNSEAL_STATE.setUp, failures })
  }

  async setState(sid: SectorID, pieceCid: CID, state: UnsealState, error: string, trx: Knex): Promise<void> {
    await trx('unseal_tasks')
      .where(keyOf(sid, pieceCid))
      .update({ state, error: fitting(error, TEXT_COLUMN) })
  }

  /** Those that wait, the oldest first; of upgraded sectors only when they are wanted. */
  async waiting(miners: readonly number[], upgraded: boolean): Promise<UnsealTask[]> {
    const rows: Row[] = await this.#db('unseal_tasks')
      .where({ state: UNSEAL_STATE.setUp })
      .modify(query => void (miners.length > 0 && query.whereIn('miner', miners)))
      .modify(query => void (upgraded || query.where({ upgraded: false })))
      .orderBy(['created_at', 'miner', 'number', 'piece_cid'])
      .limit(MOST_LOOKED_AT)
    return rows.map(fromRow)
  }

  async all(): Promise<UnsealTask[]> {
    return (await this.#db('unseal_tasks').orderBy(['created_at', 'miner', 'number', 'piece_cid'])).map(fromRow)
  }

  async inWork(): Promise<UnsealTask[]> {
    return (await this.#inWork(this.#db)).map(fromRow)
  }

  async inWorkOf(sid: SectorID, trx: Knex): Promise<UnsealTask[]> {
    return (await this.#inWork(trx).where(ofSector(sid)).forUpdate()).map(fromRow)
  }

  async heard(sid: SectorID, holder: string, at: number): Promise<void> {
    await this.#inWork(this.#db)
      .where(ofSector(sid))
      .update({ holder: fitting(holder, 255), heard_at: at })
  }

  #inWork(db: Knex): Knex.QueryBuilder {
    return db('unseal_tasks').whereIn('state', [UNSEAL_STATE.unsealing, UNSEAL_STATE.uploading])
  }
}

/** Tasks that one question for work looks through. */
const MOST_LOOKED_AT = 500
