import type { Knex } from 'knex'
import { type Job, type JobTable, jobOf, type Row } from './job-table.js'

interface Candidate {
  readonly job: Job
  /** Jobs of its group that run. */
  readonly running: number
}

/**
 * The ready job that is next: of the group with the fewest running jobs, so that one miner's backlog does not hold up another's sector; among equal
 * ones the oldest. On MySQL it is locked, and jobs that others are just taking are passed over.
 */
export async function nextReady(
  trx: Knex.Transaction,
  table: JobTable,
  kinds: readonly (number | string)[],
  now: number,
): Promise<Job | undefined> {
  const running = await runningByGroup(trx, table)
  const candidates: Candidate[] = []
  for (const kind of kinds) {
    for (const group of await readyGroups(trx, table, kind)) {
      const job = await oldestOf(trx, table, { kind, group }, now)
      if (job) candidates.push({ job, running: running.get(group) ?? 0 })
    }
  }
  candidates.sort(
    (a, b) => a.running - b.running || a.job.createdAt - b.job.createdAt || (a.job.id < b.job.id ? -1 : 1),
  )
  return candidates[0]?.job
}

async function runningByGroup(
  trx: Knex.Transaction,
  { name, columns: c, states }: JobTable,
): Promise<Map<string, number>> {
  const rows: { group: string; count: number | string }[] = await trx(name)
    .where(c.state, states.running)
    .groupBy(c.group)
    .select({ group: c.group }, trx.raw('count(*) as count'))
  return new Map(rows.map(({ group, count }) => [String(group), Number(count)]))
}

/** Goes from group to group along the index, and does not read the jobs between: there are few groups and may be many jobs. */
async function readyGroups(
  trx: Knex.Transaction,
  { name, columns: c, states }: JobTable,
  kind: number | string,
): Promise<string[]> {
  const groups: string[] = []
  for (;;) {
    const after = groups.at(-1)
    const query = trx(name).where({ [c.state]: states.ready, [c.kind]: kind })
    if (after !== undefined) void query.where(c.group, '>', after)
    const row: Row | undefined = await query.orderBy(c.group).first(c.group)
    if (row === undefined) return groups
    groups.push(String(row[c.group]))
  }
}

async function oldestOf(
  trx: Knex.Transaction,
  table: JobTable,
  { kind, group }: { kind: number | string; group: string },
  now: number,
): Promise<Job | undefined> {
  const { name, columns: c, states } = table
  const query = trx(name)
    .where({ [c.state]: states.ready, [c.kind]: kind, [c.group]: group })
    .where(c.notBefore, '<=', now)
    .orderBy([c.createdAt, c.id])
  if (trx.client.config.client === 'mysql2') void query.forUpdate().skipLocked()
  const row: Row | undefined = await query.first()
  return row && jobOf(table, row)
}
