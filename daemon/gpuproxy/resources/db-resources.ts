import { Readable } from 'node:stream'
import type { Knex } from 'knex'
import type { Clock } from '../../kit/clock.js'
import { inRelaxedTransaction } from '../../kit/database.js'
import { type IncomingResource, isResourceId, type OpenResource, type ResourceStore } from './resource-store.js'

const MOST_AT_ONCE = 1_000

/** Resources as rows of the table `resource_infos`, where no directory can be shared. */
export class DbResources implements ResourceStore {
  readonly where = 'the database'
  readonly #db: Knex
  readonly #clock: Clock

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** Held in memory: a row is written whole. */
  receive(): IncomingResource {
    const parts: Uint8Array[] = []
    return {
      write: async bytes => void parts.push(bytes),
      // On the disk at the latest with the task that is made from it, which is written after it.
      keep: id => this.#put(id, parts.length === 1 ? parts[0]! : Buffer.concat(parts)),
      discard: async () => void parts.splice(0),
    }
  }

  async open(id: string): Promise<OpenResource | undefined> {
    const row: { data: Uint8Array } | undefined = await this.#db('resource_infos').where({ id }).first('data')
    return row && { sizeBytes: row.data.length, stream: () => Readable.from([row.data]) }
  }

  async remove(id: string): Promise<void> {
    await this.#db('resource_infos').where({ id }).delete()
  }

  async olderThan(moment: number): Promise<string[]> {
    const ids: string[] = await this.#db('resource_infos')
      .where('create_at', '<', Math.floor(moment / 1000))
      .limit(MOST_AT_ONCE)
      .pluck('id')
    return ids.filter(isResourceId)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #put(id: string, bytes: Uint8Array): Promise<void> {
    const create_at = Math.floor(this.#clock.now() / 1000)
    const row = { id, data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), create_at }
    await inRelaxedTransaction(this.#db, trx => trx('resource_infos').insert(row).onConflict('id').ignore())
  }
}
