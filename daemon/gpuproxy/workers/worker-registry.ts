import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { WorkerState } from '../../../rpc-schema/gpuproxy/task.js'
import type { Clock } from '../../kit/clock.js'
import { fitting } from '../../kit/database.js'
import type { GroupCommit } from '../../kit/group-commit.js'

interface Row {
  id: string
  worker_id: string
  ips: string
  support_types: string
  create_at: number
  update_at: number
}

const COLUMN = 255

/** The table `workers_states`: who reports, and when last. */
export class WorkerRegistry {
  readonly #db: Knex
  readonly #commits: GroupCommit
  readonly #clock: Clock

  constructor(db: Knex, commits: GroupCommit, clock: Clock) {
    this.#db = db
    this.#commits = commits
    this.#clock = clock
  }

  async report(workerId: string, ips: string, supportTypes: string): Promise<void> {
    const seen = { ips: fitting(ips, COLUMN), support_types: fitting(supportTypes, COLUMN), update_at: this.#now() }
    await this.#commits.run(async trx => {
      const updated = await trx('workers_states').where({ worker_id: workerId }).update(seen)
      if (updated > 0) return
      await trx('workers_states').insert({ id: randomUUID(), worker_id: workerId, create_at: seen.update_at, ...seen })
    })
  }

  list(): Promise<WorkerState[]> {
    return this.#select(query => query)
  }

  /** Those that have not been heard of for so many seconds. */
  offline(seconds: number): Promise<WorkerState[]> {
    return this.#select(query => query.where('update_at', '<', this.#now() - seconds))
  }

  async find(by: { id: string } | { worker_id: string }): Promise<WorkerState | undefined> {
    return (await this.#select(query => query.where(by).limit(1)))[0]
  }

  async remove(by: { id: string } | { worker_id: string }): Promise<void> {
    await this.#commits.run(trx => trx('workers_states').where(by).delete())
  }

  async #select(where: (query: Knex.QueryBuilder) => Knex.QueryBuilder): Promise<WorkerState[]> {
    const rows: Row[] = await where(this.#db('workers_states')).orderBy([
      { column: 'create_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    return rows.map(row => ({
      id: row.id,
      workerId: row.worker_id,
      ips: row.ips,
      supportTypes: row.support_types,
      updateAt: Number(row.update_at),
      createAt: Number(row.create_at),
    }))
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1000)
  }
}
