import type { Knex } from 'knex'
import { z } from 'zod'
import { WorkerInfo, type WorkerPingInfo } from '../../../rpc-schema/manager/worker-ping.js'

interface Row {
  name: string
  info: string
  last_ping: number
}

const fromRow = (row: Row): WorkerPingInfo => ({
  Info: z.decode(WorkerInfo, JSON.parse(row.info)),
  LastPing: Number(row.last_ping),
})

/** The table `worker_pings`: the last sign of life of each worker, in unix seconds. */
export class PingRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async put(info: WorkerInfo, lastPing: number): Promise<void> {
    await this.#db('worker_pings')
      .insert({ name: info.Name, info: JSON.stringify(z.encode(WorkerInfo, info)), last_ping: lastPing })
      .onConflict('name')
      .merge(['info', 'last_ping'])
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
