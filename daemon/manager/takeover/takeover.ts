import type { Knex } from 'knex'
import { z } from 'zod'
import { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { type SectorToTake, TAKEOVER_AT_ONCE, type TakenSector } from '../../../rpc-schema/manager/takeover.js'
import type { Clock } from '../../kit/clock.js'
import { inTransaction } from '../../kit/database.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { IndexKind, IndexRepository } from '../storage/index-repository.js'
import { TakeoverRepository, type TakeoverRow } from './takeover-repository.js'

/** What the history says of a sector that was taken over; while it is the last word the record may be taken again. */
const TAKEN = 'taken over'

/** Takes over the sectors of another manager, in batches, as often as needed until the day of the change. */
export class Takeovers {
  readonly #db: Knex
  readonly #clock: Clock
  readonly #book: SectorBook
  readonly #index: IndexRepository
  readonly #rows = new TakeoverRepository()

  constructor(options: { db: Knex; clock: Clock; book: SectorBook; index: IndexRepository }) {
    this.#db = options.db
    this.#clock = options.clock
    this.#book = options.book
    this.#index = options.index
  }

  list(): Promise<TakeoverRow[]> {
    return this.#rows.list(this.#db)
  }

  async begin(source: string): Promise<TakeoverRow> {
    if (source === '' || source.length > 255) throw new Error('source: expected the address of a manager')
    await this.#rows.begin(source, this.#clock.now(), this.#db)
    return this.#open(source, this.#db)
  }

  async finish(source: string): Promise<TakeoverRow> {
    await this.#rows.finish(source, this.#clock.now(), this.#db)
    const found = await this.#rows.find(source, this.#db)
    if (found === undefined) throw new Error(`no takeover from ${source} has begun`)
    return found
  }

  /** All of them or, with an error, none. */
  take(source: string, sectors: readonly SectorToTake[], last: boolean): Promise<TakenSector[]> {
    if (sectors.length > TAKEOVER_AT_ONCE)
      throw new Error(`sectors: expected at most ${TAKEOVER_AT_ONCE}, found ${sectors.length}`)
    return inTransaction(this.#db, async trx => {
      await this.#open(source, trx)
      const taken: TakenSector[] = []
      for (const sector of sectors)
        taken.push({ ID: sector.Record.ID, Outcome: await this.#one(source, sector, last, trx) })
      await this.#files('normal', sectors, trx)
      await this.#files('upgrade', sectors, trx)
      return taken
    })
  }

  async #open(source: string, db: Knex): Promise<TakeoverRow> {
    const found = await this.#rows.find(source, db)
    if (found === undefined) throw new Error(`no takeover from ${source} has begun`)
    if (found.finishedAt !== null)
      throw new Error(`the takeover from ${source} was finished at ${new Date(found.finishedAt).toISOString()}`)
    return found
  }

  async #one(
    source: string,
    { Store, Record }: SectorToTake,
    last: boolean,
    trx: Knex.Transaction,
  ): Promise<TakenSector['Outcome']> {
    // A record that waits to be sent would be sent from here, too, after a restart: only the last pass hands that over.
    const NeedSend = last && Record.MessageInfo.NeedSend
    const record = { ...Record, MessageInfo: { ...Record.MessageInfo, NeedSend } }
    const cause = { actor: 'operator', event: TAKEN, detail: `from ${source}` }
    const before = await this.#book.find(record.ID, trx)
    if (before === undefined) {
      await this.#book.import(record, Store, false, cause, trx)
      return 'new'
    }
    if (before.store === Store && textOf(before.record) === textOf(record)) return 'same'
    const lastEvent = (await this.#book.history(record.ID, trx)).at(-1)
    if (lastEvent?.event !== TAKEN) return 'kept'
    await this.#book.import(record, Store, true, cause, trx)
    return 'renewed'
  }

  #files(kind: IndexKind, sectors: readonly SectorToTake[], trx: Knex.Transaction): Promise<void> {
    const entries = sectors.flatMap(({ Record, Normal, Upgrade }) => {
      const stores = kind === 'normal' ? Normal : Upgrade
      return stores === null ? [] : [{ sid: Record.ID, stores }]
    })
    return this.#index.putMany(kind, entries, trx)
  }
}

const textOf = (record: SectorState): string => JSON.stringify(z.encode(SectorState, record))
