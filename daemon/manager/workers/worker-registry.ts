import type { Knex } from 'knex'
import type { WorkerInfo, WorkerPingInfo } from '../../../rpc-schema/manager/worker-ping.js'
import type { Clock } from '../../kit/clock.js'
import { PingRepository } from './ping-repository.js'

/** The workers that have ever pinged, until an operator removes them. */
export class WorkerRegistry {
  readonly #clock: Clock
  readonly #pings: PingRepository

  constructor(db: Knex, clock: Clock) {
    this.#clock = clock
    this.#pings = new PingRepository(db)
  }

  async ping(info: WorkerInfo): Promise<void> {
    if (info.Name === '') throw new Error('worker name is required')
    if (info.Dest === '') throw new Error('worker dest is required')
    await this.#pings.put(info, Math.floor(this.#clock.now() / 1000))
  }

  find(name: string): Promise<WorkerPingInfo | null> {
    return this.#pings.find(name)
  }

  /** When a worker pinged last, ms since the Unix epoch; undefined when it never did. */
  async lastPing(name: string | null): Promise<number | undefined> {
    const ping = name === null ? null : await this.#pings.find(name)
    return ping === null ? undefined : ping.LastPing * 1000
  }

  list(): Promise<WorkerPingInfo[]> {
    return this.#pings.list()
  }

  remove(name: string): Promise<void> {
    return this.#pings.remove(name)
  }
}
