import type { Knex } from 'knex'
import type { PostRehearsal } from '../../../../rpc-schema/manager/post-rehearsal.js'
import { isKeyTaken } from '../../../kit/database.js'

/** The table `post_rehearsals`: what trials before deadlines have shown. */
export class RehearsalRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  /** False when there is one of the same name: another manager is at it. */
  async begin(record: PostRehearsal): Promise<boolean> {
    const { Miner: miner, Open: open, Serial: serial, At: created_at } = record
    try {
      await this.#db('post_rehearsals').insert({ miner, open, serial, created_at, record: JSON.stringify(record) })
      return true
    } catch (error) {
      if (isKeyTaken(error)) return false
      throw error
    }
  }

  async save(record: PostRehearsal): Promise<void> {
    const { Miner: miner, Open: open, Serial: serial } = record
    await this.#db('post_rehearsals')
      .where({ miner, open, serial })
      .update({ record: JSON.stringify(record) })
  }

  /** The automatic one of a window. */
  async ofWindow(miner: number, open: number): Promise<PostRehearsal | undefined> {
    const row = await this.#db('post_rehearsals').where({ miner, open, serial: 0 }).first('record')
    return row && fromText(row)
  }

  /** The newest first. */
  async list(miner: number | null, limit: number): Promise<PostRehearsal[]> {
    const rows = await this.#db('post_rehearsals')
      .modify(query => void (miner !== null && query.where({ miner })))
      .orderBy([
        { column: 'created_at', order: 'desc' },
        { column: 'miner', order: 'asc' },
        { column: 'serial', order: 'desc' },
      ])
      .limit(limit)
      .select('record')
    return rows.map(fromText)
  }

  /** Forgets those that were made before a moment. */
  async prune(before: number): Promise<void> {
    await this.#db('post_rehearsals').where('created_at', '<', before).delete()
  }
}

const fromText = ({ record }: { record: string }): PostRehearsal => JSON.parse(record) as PostRehearsal
