import type { Knex } from 'knex'

export type PledgeState = 'waiting' | 'given' | 'cancelled'

/** A sector that an operator asked for. Times in milliseconds since the Unix epoch. */
export interface Pledge {
  readonly id: number
  readonly miner: number
  readonly state: PledgeState
  /** The sector that it became. */
  readonly number: number | null
  readonly askedAt: number
  readonly settledAt: number | null
}

interface Row {
  id: number | string
  miner: number | string
  state: PledgeState
  number: number | string | null
  asked_at: number | string
  settled_at: number | string | null
}

const pledge = (row: Row): Pledge => ({
  id: Number(row.id),
  miner: Number(row.miner),
  state: row.state,
  number: row.number === null ? null : Number(row.number),
  askedAt: Number(row.asked_at),
  settledAt: row.settled_at === null ? null : Number(row.settled_at),
})

const ROWS_AT_ONCE = 100

/** The table `pledges`. */
export class PledgeRepository {
  /** Those of a request; empty when it has not been made yet. */
  async ofRequest(request: string, db: Knex): Promise<Pledge[]> {
    const rows: Row[] = await db('pledges').where({ request }).orderBy('position')
    return rows.map(pledge)
  }

  async add(miner: number, count: number, request: string, at: number, trx: Knex.Transaction): Promise<void> {
    const rows = Array.from({ length: count }, (_, position) => ({
      miner,
      request,
      position,
      state: 'waiting',
      asked_at: at,
    }))
    await trx.batchInsert('pledges', rows, ROWS_AT_ONCE)
  }

  /** The one that has waited longest. */
  async oldest(miner: number, trx: Knex.Transaction): Promise<Pledge | undefined> {
    const row: Row | undefined = await trx('pledges')
      .where({ miner, state: 'waiting' })
      .orderBy('id')
      .forUpdate()
      .first()
    return row && pledge(row)
  }

  /** False when it does not wait any more. */
  async settle(
    id: number,
    outcome: { state: Exclude<PledgeState, 'waiting'>; number: number | null; at: number },
    trx: Knex,
  ): Promise<boolean> {
    const { state, number, at } = outcome
    const changed = await trx('pledges').where({ id, state: 'waiting' }).update({ state, number, settled_at: at })
    return changed === 1
  }

  async countWaiting(miner: number, db: Knex): Promise<number> {
    const row = await db('pledges').where({ miner, state: 'waiting' }).count({ count: '*' }).first()
    return Number(row?.count ?? 0)
  }

  /** In the order in which they were made, behind `after`. */
  async list(
    where: { miner: number | null; state: PledgeState | null },
    after: number,
    limit: number,
    db: Knex,
  ): Promise<Pledge[]> {
    const query = db('pledges').where('id', '>', after)
    if (where.miner !== null) query.where({ miner: where.miner })
    if (where.state !== null) query.where({ state: where.state })
    const rows: Row[] = await query.orderBy('id').limit(limit)
    return rows.map(pledge)
  }
}
