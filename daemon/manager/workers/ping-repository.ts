import type { Knex } from 'knex'
import { z } from 'zod'
import { WorkerInfo, type WorkerPingInfo } from '../../../rpc-schema/manager/worker-ping.js'
import { inRelaxedTransaction } from '../../kit/database.js'

interface Row {
  name: string
  info: string
  last_ping: number
}

const fromRow = (row: Row): WorkerPingInfo => ({
  Info: z.decode(WorkerInfo, JSON.parse(row.info)),
  LastPing: Number(row.last_ping),
})

const ROWS_AT_ONCE = 100

/** The table `worker_pings`: the last sign of life of each worker, in unix seconds. */
export class PingRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async putAll(pings: readonly WorkerPingInfo[]): Promise<void> {
    const rows = pings.map(({ Info, LastPing }) => ({
      name: Info.Name,
      info: JSON.stringify(z.encode(WorkerInfo, Info)),
      last_ping: LastPing,
    }))
    await inRelaxedTransaction(this.#db, async trx => {
      for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
        await trx('worker_pings')
          .insert(rows.slice(at, at + ROWS_AT_ONCE))
          .onConflict('name')
          .merge(['info', 'last_ping'])
    })
  }

  async find(name: string): Promise<WorkerPingInfo | null> {
    const row = await this.#db<Row>('worker_pings').where({ name }).first()
    return row ? fromRow(row) : null
  }

  async list(): Promise<WorkerPingInfo[]> {
    return (await this.#db<Row>('worker_pings').orderBy('name').select()).map(fromRow)
  }

  async remove(name: string): Promise<void> {
    await this.#db('worker_pings').where({ name }).delete()
  }
}
