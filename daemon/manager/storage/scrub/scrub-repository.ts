import type { Knex } from 'knex'
import type { SectorID } from '../../../../rpc-schema/wire/sector-id.js'
import { fitting, TEXT_COLUMN } from '../../../kit/database.js'

/** How far the present round is. */
export interface ScrubProgress {
  /** The sector that was looked at last; null when the round begins. */
  readonly last: SectorID | null
  /** Sectors looked at in this round, and how many there were when it began. */
  readonly looked: number
  readonly total: number
  /** ms since the Unix epoch; `lookedAt` 0: never. */
  readonly roundBegunAt: number
  readonly lookedAt: number
}

/** A sector that could not be proven. */
export interface ScrubFinding {
  readonly sid: SectorID
  readonly why: string
  /** ms since the Unix epoch: when it was found, and when it was seen last. */
  readonly since: number
  readonly seenAt: number
}

interface ProgressRow {
  miner: number | null
  number: number | null
  looked: number
  total: number
  round_begun_at: number
  looked_at: number
}

interface FindingRow {
  miner: number
  number: number
  why: string
  since: number
  seen_at: number
}

const ONLY = { id: 1 }
const keyOf = (sid: SectorID) => ({ miner: sid.Miner, number: sid.Number })

const fromFinding = ({ miner, number, why, since, seen_at }: FindingRow): ScrubFinding => ({
  sid: { Miner: Number(miner), Number: Number(number) },
  why,
  since: Number(since),
  seenAt: Number(seen_at),
})

/** The tables `scrub_progress` and `scrub_findings`. */
export class ScrubRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** In a transaction the row stays locked until its end; undefined when nothing was ever looked at. */
  async progress(db: Knex = this.#db): Promise<ScrubProgress | undefined> {
    const row: ProgressRow | undefined = await db('scrub_progress').where(ONLY).forUpdate().first()
    if (row === undefined) return undefined
    return {
      last: row.miner === null ? null : { Miner: Number(row.miner), Number: Number(row.number) },
      looked: Number(row.looked),
      total: Number(row.total),
      roundBegunAt: Number(row.round_begun_at),
      lookedAt: Number(row.looked_at),
    }
  }

  async save({ last, looked, total, roundBegunAt, lookedAt }: ScrubProgress, trx: Knex): Promise<void> {
    const row: ProgressRow = {
      miner: last?.Miner ?? null,
      number: last?.Number ?? null,
      looked,
      total,
      round_begun_at: roundBegunAt,
      looked_at: lookedAt,
    }
    await trx('scrub_progress')
      .insert({ ...ONLY, ...row })
      .onConflict('id')
      .merge()
  }

  /** The oldest first. */
  async findings(limit: number): Promise<ScrubFinding[]> {
    const rows: FindingRow[] = await this.#db('scrub_findings').orderBy(['since', 'miner', 'number']).limit(limit)
    return rows.map(fromFinding)
  }

  async find(sid: SectorID): Promise<ScrubFinding | undefined> {
    const row: FindingRow | undefined = await this.#db('scrub_findings').where(keyOf(sid)).first()
    return row && fromFinding(row)
  }

  /** The one that was not looked at for the longest time, if that was before a moment. */
  async stalest(before: number): Promise<ScrubFinding | undefined> {
    const row: FindingRow | undefined = await this.#db('scrub_findings')
      .where('seen_at', '<=', before)
      .orderBy('seen_at')
      .first()
    return row && fromFinding(row)
  }

  async put({ sid, why, since, seenAt }: ScrubFinding): Promise<void> {
    await this.#db('scrub_findings')
      .insert({ ...keyOf(sid), why: fitting(why, TEXT_COLUMN), since, seen_at: seenAt })
      .onConflict(['miner', 'number'])
      .merge(['why', 'seen_at'])
  }

  /** False when there was none. */
  async remove(sid: SectorID): Promise<boolean> {
    return (await this.#db('scrub_findings').where(keyOf(sid)).delete()) > 0
  }
}
