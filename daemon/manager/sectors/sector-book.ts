import type { Knex } from 'knex'
import type { ReportStateReq, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import { GroupCommit } from '../../kit/group-commit.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import { keyNotFound, newRecord, notOnline, type RecordStore, sectorKey } from './sector-record.js'
import {
  type LargestRecord,
  type SectorEvent,
  SectorRepository,
  type Stepped,
  type StoredSector,
} from './sector-repository.js'

/** Who did what to a sector, for its history. */
export interface Cause {
  readonly actor: string
  readonly event: string
  readonly detail?: string
}

/** Changes the record that it is handed. Must not wait for anything outside the database. */
export type Change = (record: SectorState, trx: Knex.Transaction) => void | Promise<void>

/** The records of all sectors and their life: created online, moved offline when finished or given up, moved back when restored. */
export class SectorBook {
  readonly #db: Knex
  readonly #commits: GroupCommit
  readonly #clock: Clock
  readonly #rows = new SectorRepository()
  readonly #locks = new KeyedLock()

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#commits = GroupCommit.of(db)
    this.#clock = clock
  }

  /** One request at a time for one sector, also across calls to the chain. */
  exclusively<T>(sid: SectorID, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(sectorKey(sid), work)
  }

  /** `work` may be run again: see {@link GroupCommit}. */
  transaction<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    return this.#commits.run(work)
  }

  find(sid: SectorID, db: Knex = this.#db): Promise<StoredSector | undefined> {
    return this.#rows.load(sid, db)
  }

  /** The record of a sector that is being worked on; the error with code 11001 when there is none. */
  async online(sid: SectorID, db: Knex = this.#db): Promise<SectorState> {
    const found = await this.#rows.load(sid, db)
    if (found?.store !== 'online') throw notOnline()
    return found.record
  }

  /** The record in one store, as operators ask for it. */
  async inStore(store: string, sid: SectorID): Promise<SectorState> {
    const found = await this.#rows.load(sid, this.#db)
    if (found?.store !== store) throw keyNotFound(`load state from ${store}: `)
    return found.record
  }

  /** Records that say they wait for a message to be sent. */
  waitingToSend(): Promise<SectorState[]> {
    return this.#rows.waitingToSend(this.#db)
  }

  /** How many sectors of a miner are being sealed. */
  countSealing(miner: number, db: Knex = this.#db): Promise<number> {
    return this.#rows.countSealing(miner, db)
  }

  /** The record of a miner with the largest number, not above `most`. */
  largest(miner: number, most: number | null, db: Knex = this.#db): Promise<LargestRecord | undefined> {
    return this.#rows.largest(miner, most, db)
  }

  count(): Promise<Record<RecordStore, number>> {
    return this.#rows.count(this.#db)
  }

  history(sid: SectorID, db: Knex = this.#db): Promise<SectorEvent[]> {
    return this.#rows.events(sid, db)
  }

  note(sid: SectorID, cause: Cause, db: Knex = this.#db): Promise<void> {
    return this.#rows.addEvent(sid, { detail: '', ...cause, at: this.#clock.now() }, db)
  }

  async create(sid: SectorID, proofType: number, cause: Cause, trx: Knex.Transaction): Promise<void> {
    if (await this.#rows.load(sid, trx)) throw new Error(`sector ${sectorName(sid)} already initialized`)
    await this.#rows.insert(newRecord(sid, proofType), 'online', this.#clock.now(), trx)
    await this.note(sid, cause, trx)
  }

  /** Begins an offline record for a sector that the chain has and this manager does not know. */
  async adopt(sid: SectorID, proofType: number, cause: Cause, trx: Knex.Transaction): Promise<void> {
    await this.#rows.insert({ ...newRecord(sid, proofType), Finalized: true }, 'offline', this.#clock.now(), trx)
    await this.note(sid, cause, trx)
  }

  /** Changes an online record. */
  update(sid: SectorID, change: Change, cause?: Cause, db?: Knex.Transaction): Promise<SectorState> {
    return this.#change(db, async trx => {
      const found = await this.#rows.load(sid, trx)
      if (found?.store !== 'online') throw notOnline()
      const { record } = found
      await change(record, trx)
      await this.#rows.save(found, 'online', this.#clock.now(), trx)
      if (cause) await this.note(sid, cause, trx)
      return record
    })
  }

  /**
   * Notes a step of a worker in the record, where the sector is online. A step that went well may be lost when the power fails: the next one tells
   * more, and nothing is decided by it.
   */
  step(sid: SectorID, report: ReportStateReq, cause: Cause): Promise<{ store: RecordStore; record: Stepped }> {
    const noted = async (trx: Knex.Transaction) => {
      const found = await this.#rows.saveStep(sid, report, this.#clock.now(), trx)
      if (found === undefined) throw notOnline()
      if (found.store === 'online') await this.note(sid, cause, trx)
      return found
    }
    return this.#commits.run(noted, { mayBeLost: !report.Failure })
  }

  /** Changes a record wherever it is: what becomes of its messages, which may outlast the work on the sector. */
  amend(sid: SectorID, change: Change, cause: Cause, db?: Knex.Transaction): Promise<void> {
    return this.#change(db, async trx => {
      const found = await this.#rows.load(sid, trx)
      if (found === undefined) return
      await change(found.record, trx)
      await this.#rows.save(found, found.store, this.#clock.now(), trx)
      await this.note(sid, cause, trx)
    })
  }

  /** Moves a record offline. A change that answers false keeps everything as it is. */
  finalize(
    sid: SectorID,
    cause: Cause,
    change: (record: SectorState, trx: Knex.Transaction) => boolean | Promise<boolean> = () => true,
    db?: Knex.Transaction,
  ): Promise<SectorState> {
    return this.#change(db, async trx => {
      const found = await this.#rows.load(sid, trx)
      if (found?.store !== 'online') throw notOnline()
      const { record } = found
      if (!(await change(record, trx))) return record
      record.Finalized = true
      await this.#rows.save(found, 'offline', this.#clock.now(), trx)
      await this.note(sid, cause, trx)
      return record
    })
  }

  /**
   * Writes a record as it is given, in the place of one that is there if that is to be overridden; false when one is to be kept. Its number is
   * never given again, since it has a record.
   */
  import(
    record: SectorState,
    store: RecordStore,
    override: boolean,
    cause: Cause,
    db?: Knex.Transaction,
  ): Promise<boolean> {
    return this.#change(db, async trx => {
      const found = await this.#rows.load(record.ID, trx)
      if (found !== undefined && !override) return false
      const at = this.#clock.now()
      if (found === undefined) await this.#rows.insert(record, store, at, trx)
      else await this.#rows.save({ ...found, record }, store, at, trx)
      const detail = found === undefined ? cause.detail : `in the place of one that was ${found.store}`
      await this.note(record.ID, { ...cause, ...(detail !== undefined && { detail }) }, trx)
      return true
    })
  }

  /** Moves a record back online. */
  restore(sid: SectorID, cause: Cause, change: Change, db?: Knex.Transaction): Promise<SectorState> {
    return this.#change(db, async trx => {
      const found = await this.#rows.load(sid, trx)
      if (found?.store !== 'offline') throw keyNotFound('load from offline store: load state from offline: ')
      const { record } = found
      await change(record, trx)
      record.Finalized = false
      await this.#rows.save(found, 'online', this.#clock.now(), trx)
      await this.note(sid, cause, trx)
      return record
    })
  }

  #change<T>(trx: Knex.Transaction | undefined, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    return trx ? work(trx) : this.#commits.run(work)
  }
}
