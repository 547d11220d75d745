import type { Knex } from 'knex'
import { type Job, type JobTable, jobOf, type Row } from './job-table.js'

/** The ready job that is due first; among equal ones the oldest. On MySQL it is locked, and jobs that others are just taking are passed over. */
export async function nextDue(
  trx: Knex.Transaction,
  table: JobTable & { readonly dueColumn: string },
  narrow: (ready: Knex.QueryBuilder) => void,
  now: number,
): Promise<Job | undefined> {
  const { name, columns: c, states, dueColumn } = table
  const ready = trx(name)
    .where(c.state, states.ready)
    .where(c.notBefore, '<=', now)
    .orderBy([dueColumn, c.createdAt, c.id])
  narrow(ready)
  if (trx.client.config.client === 'mysql2') void ready.forUpdate().skipLocked()
  const row: Row | undefined = await ready.first()
  return row && jobOf(table, row)
}
