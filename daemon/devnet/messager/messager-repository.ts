import type { Knex } from 'knex'
import { MessageCbor } from '../../../rpc-schema/wire/message.js'

type Unsigned = ReturnType<typeof MessageCbor.decode>

/** A message that the messager was given. */
export interface MessagerRow {
  readonly id: string
  readonly message: Unsigned
  /** CID of the signed message, once it is in the pool. */
  readonly cid: string | null
  /** Why it is not. */
  readonly error: string
}

/** The table `messager`. */
export class MessagerRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async find(id: string): Promise<MessagerRow | undefined> {
    const row = await this.#db('messager').where({ id }).first()
    return (
      row && { id: row.id, message: MessageCbor.decode(new Uint8Array(row.message)), cid: row.cid, error: row.error }
    )
  }

  async add(id: string, message: Unsigned): Promise<void> {
    await this.#db('messager').insert({ id, message: Buffer.from(MessageCbor.encode(message)), cid: null, error: '' })
  }

  async filled(id: string, cid: string): Promise<void> {
    await this.#db('messager').where({ id }).update({ cid, error: '' })
  }

  async refused(id: string, error: string): Promise<void> {
    await this.#db('messager').where({ id }).update({ error })
  }
}
