import type { Knex } from 'knex'
import { z } from 'zod'
import { SectorNumber } from '../../../../../rpc-schema/wire/numbers.js'
import type { Clock } from '../../../../kit/clock.js'
import { inRelaxedTransaction } from '../../../../kit/database.js'

const TABLE = 'wdpost_vanillas'
/** Deleted in one statement: each has some hundred kilobytes. */
const SOME = 32

const Sectors = z.array(SectorNumber)

export interface ChunkInfo {
  readonly id: string
  readonly sectors: readonly number[]
  readonly bytes: number
}

export interface NewChunk {
  readonly id: string
  readonly challenge: string
  readonly sectors: readonly number[]
  readonly dueAt: number
  readonly content: Uint8Array
}

/**
 * What readers have handed in, in chunks. In the database, which all managers of a miner share: who reads may talk to one of them, and who proves to
 * another, and no directory is there that both have. Files below a manager's home would be cheaper to write, a partition is some two hundred rows;
 * they are deleted as soon as its proof is made.
 */
export class VanillaRepository {
  readonly #db: Knex
  readonly #clock: Clock

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** On the disk at the latest with the end of the job that it is of, which is written after it. */
  async keep({ id, challenge, sectors, dueAt, content }: NewChunk): Promise<void> {
    const row = {
      id,
      challenge,
      sectors: JSON.stringify(sectors),
      bytes: content.length,
      due_at: dueAt,
      created_at: this.#clock.now(),
      content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
    }
    await inRelaxedTransaction(this.#db, async trx => {
      // With older proof types the same bytes may have been read for another proof, which lacked a sector behind them.
      await trx(TABLE).insert(row).onConflict('id').merge(['challenge', 'due_at', 'created_at'])
    })
  }

  async list(challenge: string): Promise<ChunkInfo[]> {
    const rows: { id: string; sectors: string; bytes: number | string }[] = await this.#db(TABLE)
      .where({ challenge })
      .orderBy(['created_at', 'id'])
      .select('id', 'sectors', 'bytes')
    return rows.map(({ id, sectors, bytes }) => ({
      id,
      sectors: Sectors.parse(JSON.parse(sectors)),
      bytes: Number(bytes),
    }))
  }

  async content(id: string): Promise<Uint8Array | undefined> {
    const row: { content: Uint8Array } | undefined = await this.#db(TABLE).where({ id }).first('content')
    return row?.content
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += SOME)
      await this.#db(TABLE)
        .whereIn('id', ids.slice(at, at + SOME))
        .delete()
  }

  /** Deletes those whose deadline has closed, and those that are older than any job. */
  async forget(now: number, createdBefore: number): Promise<void> {
    for (;;) {
      const ids: string[] = await this.#db(TABLE)
        .where('due_at', '<=', now)
        .orWhere('created_at', '<', createdBefore)
        .limit(SOME)
        .pluck('id')
      if (ids.length === 0) return
      await this.remove(ids)
    }
  }
}
