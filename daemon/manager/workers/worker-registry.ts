import type { Knex } from 'knex'
import type { WorkerInfo, WorkerPingInfo } from '../../../rpc-schema/manager/worker-ping.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { PingRepository } from './ping-repository.js'

/** How long a ping may be known here alone. */
const WRITE_AFTER_MS = 1_000

/**
 * The workers that have ever pinged, until an operator removes them. Pings are written together, a moment after they came: a thousand workers cost one
 * write to the disk, and what a crash can lose is worth nothing a second later.
 */
export class WorkerRegistry {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #pings: PingRepository
  readonly #closing = new AbortController()
  #unwritten = new Map<string, WorkerPingInfo>()
  #writer: Promise<void> | undefined

  constructor(db: Knex, clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
    this.#pings = new PingRepository(db)
  }

  ping(info: WorkerInfo): void {
    if (info.Name === '') throw new Error('worker name is required')
    if (info.Dest === '') throw new Error('worker dest is required')
    this.#unwritten.set(info.Name, { Info: info, LastPing: Math.floor(this.#clock.now() / 1000) })
    this.#writer ??= this.#writeLater()
  }

  async find(name: string): Promise<WorkerPingInfo | null> {
    return this.#unwritten.get(name) ?? (await this.#pings.find(name))
  }

  /** When a worker pinged last, ms since the Unix epoch; undefined when it never did. */
  async lastPing(name: string | null): Promise<number | undefined> {
    const ping = name === null ? null : await this.find(name)
    return ping === null ? undefined : ping.LastPing * 1000
  }

  async list(): Promise<WorkerPingInfo[]> {
    const all = new Map((await this.#pings.list()).map(ping => [ping.Info.Name, ping]))
    for (const [name, ping] of this.#unwritten) all.set(name, ping)
    return [...all.values()].sort((a, b) => (a.Info.Name < b.Info.Name ? -1 : 1))
  }

  async remove(name: string): Promise<void> {
    this.#unwritten.delete(name)
    // What is just being written would come back.
    await this.#writing
    await this.#pings.remove(name)
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('stopping'))
    await this.#writer
    await this.#write()
  }

  #writing: Promise<void> | undefined

  async #writeLater(): Promise<void> {
    await this.#clock.sleep(WRITE_AFTER_MS, this.#closing.signal).catch(() => {})
    this.#writing = this.#write()
    await this.#writing
    this.#writing = undefined
    this.#writer = this.#unwritten.size > 0 && !this.#closing.signal.aborted ? this.#writeLater() : undefined
  }

  async #write(): Promise<void> {
    // A copy: a ping that comes while these are written is not among them.
    const batch = new Map(this.#unwritten)
    if (batch.size === 0) return
    try {
      await this.#pings.putAll([...batch.values()])
      for (const [name, ping] of batch) if (this.#unwritten.get(name) === ping) this.#unwritten.delete(name)
    } catch (error) {
      this.#log.warn(
        { err: error, workers: batch.size },
        'pings of workers are not written, they will be with the next',
      )
    }
  }
}
