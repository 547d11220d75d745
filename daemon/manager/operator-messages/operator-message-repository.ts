import type { Knex } from 'knex'

/** One attempt to send what was asked for under a uid. */
export interface Attempt {
  readonly uid: string
  /** From 1 on. */
  readonly attempt: number
  /** Key of the message at the desk. */
  readonly uuid: string
  readonly methodName: string
}

interface Row {
  uid: string
  attempt: number
  uuid: string
  method_name: string
  asked_at: number
}

const fromRow = ({ uid, attempt, uuid, method_name }: Row): Attempt => ({
  uid,
  attempt: Number(attempt),
  uuid,
  methodName: method_name,
})

/** The table `operator_messages`. */
export class OperatorMessageRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async latest(uid: string): Promise<Attempt | undefined> {
    const row = await this.#db<Row>('operator_messages').where({ uid }).orderBy('attempt', 'desc').first()
    return row && fromRow(row)
  }

  async withUuid(uuid: string): Promise<Attempt | undefined> {
    const row = await this.#db<Row>('operator_messages').where({ uuid }).first()
    return row && fromRow(row)
  }

  async newest(limit: number): Promise<Attempt[]> {
    const rows = await this.#db<Row>('operator_messages')
      .orderBy([{ column: 'asked_at', order: 'desc' }, { column: 'uid' }, { column: 'attempt', order: 'desc' }])
      .limit(limit)
    return rows.map(fromRow)
  }

  async insert({ uid, attempt, uuid, methodName }: Attempt, at: number, trx: Knex.Transaction): Promise<void> {
    await trx('operator_messages').insert({ uid, attempt, uuid, method_name: methodName, asked_at: at })
  }
}
