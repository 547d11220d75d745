import type { Knex } from 'knex'
import type { WorkerStatistics } from '../../../rpc-schema/gpuproxy/lease-methods.js'
import type { Clock } from '../../kit/clock.js'
import { hotRows } from '../../kit/database.js'

/** After a proof that did not verify a worker gets no tasks for this long; each further one in a row doubles it. */
const PROBATION_MS = { first: 10 * 60_000, longest: 24 * 3_600_000 } as const

type Count = 'claimed' | 'proven' | 'failed' | 'invalid'

interface Row extends Record<Count, number | string> {
  worker_id: string
  total_ms: number | string
  probation_until: number | string
  bad_in_a_row: number | string
}

/** The table `worker_statistics`: what each worker has done, and whom to give nothing for a while. */
export class WorkerRecords {
  readonly #db: Knex
  readonly #clock: Clock

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** ms since the Unix epoch until which a worker gets no tasks; 0 for none. */
  async probationUntil(workerId: string): Promise<number> {
    const [row] = await hotRows<Pick<Row, 'probation_until'>>(
      this.#db,
      'select probation_until from worker_statistics where worker_id = ?',
      [workerId],
    )
    return Number(row?.probation_until ?? 0)
  }

  claimed(workerId: string, trx: Knex = this.#db): Promise<void> {
    return this.#change(workerId, { claimed: 1 }, {}, trx)
  }

  proven(workerId: string, tookMs: number, trx: Knex = this.#db): Promise<void> {
    return this.#change(
      workerId,
      { proven: 1, total_ms: Math.round(tookMs) },
      { bad_in_a_row: 0, probation_until: 0 },
      trx,
    )
  }

  failed(workerId: string, trx: Knex = this.#db): Promise<void> {
    return this.#change(workerId, { failed: 1 }, {}, trx)
  }

  /** Until when it gets no tasks, ms since the Unix epoch. */
  async invalid(workerId: string, trx: Knex = this.#db): Promise<number> {
    const row: Row | undefined = await trx('worker_statistics').where({ worker_id: workerId }).first()
    const before = Number(row?.bad_in_a_row ?? 0)
    const until = this.#clock.now() + Math.min(PROBATION_MS.first * 2 ** before, PROBATION_MS.longest)
    await this.#change(workerId, { invalid: 1 }, { bad_in_a_row: before + 1, probation_until: until }, trx)
    return until
  }

  async list(): Promise<WorkerStatistics[]> {
    const rows: Row[] = await this.#db('worker_statistics').orderBy('worker_id')
    return rows.map(row => {
      const proven = Number(row.proven)
      return {
        workerId: row.worker_id,
        claimed: Number(row.claimed),
        proven,
        failed: Number(row.failed),
        invalid: Number(row.invalid),
        meanMs: proven === 0 ? 0 : Math.round(Number(row.total_ms) / proven),
        probationUntil: Number(row.probation_until),
      }
    })
  }

  async #change(
    workerId: string,
    add: Partial<Record<Count | 'total_ms', number>>,
    set: Partial<Record<'bad_in_a_row' | 'probation_until', number>>,
    db: Knex,
  ): Promise<void> {
    const sums = Object.fromEntries(Object.entries(add).map(([name, by]) => [name, db.raw('?? + ?', [name, by])]))
    const updated = await db('worker_statistics')
      .where({ worker_id: workerId })
      .update({ ...sums, ...set })
    if (updated > 0) return
    await db('worker_statistics')
      .insert({ worker_id: workerId, ...add, ...set })
      .onConflict('worker_id')
      .merge({ ...sums, ...set })
  }
}
