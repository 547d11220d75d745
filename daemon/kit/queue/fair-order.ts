import type { Knex } from 'knex'
import { type Job, type JobTable, jobOf, type Row } from './job-table.js'

/** How often on MySQL the choice is made again when others have just taken what was chosen. */
const CHOICES = 8

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
  if (trx.client.config.client !== 'mysql2') {
    const [first] = await candidates(trx, table, kinds, now)
    return first && rowOf(trx, table, first)
  }
  for (let choice = 0; choice < CHOICES; choice++) {
    const found = await candidates(trx, table, kinds, now)
    if (found.length === 0) return undefined
    for (const candidate of found) {
      const job = await lockedOf(trx, table, candidate, now)
      if (job !== undefined) return job
    }
  }
  return undefined
}

interface Candidate {
  readonly id: string
  readonly kind: number | string
  readonly group: string
}

/**
 * The oldest ready job of each group, in the order in which they are due. Goes from group to group along the index and does not read the jobs between:
 * there are few groups and may be many jobs.
 */
async function candidates(
  trx: Knex.Transaction,
  { name, columns: c, states }: JobTable,
  kinds: readonly (number | string)[],
  now: number,
): Promise<Candidate[]> {
  const found: (Candidate & { running: number; created: number })[] = []
  for (const kind of kinds) {
    const rows: unknown = await trx.raw(
      `WITH RECURSIVE ready(g) AS (
         SELECT MIN(:group:) FROM :name: WHERE :state: = :isReady AND :kind: = :k
         UNION ALL
         SELECT (SELECT MIN(:group:) FROM :name: WHERE :state: = :isReady AND :kind: = :k AND :group: > g) FROM ready WHERE g IS NOT NULL
       )
       SELECT g AS grp,
         (SELECT COUNT(*) FROM :name: WHERE :state: = :isRunning AND :kind: = :k AND :group: = g) AS running,
         (SELECT :id: FROM :name: WHERE :state: = :isReady AND :kind: = :k AND :group: = g AND :notBefore: <= :now ORDER BY :createdAt:, :id: LIMIT 1) AS id,
         (SELECT MIN(:createdAt:) FROM :name: WHERE :state: = :isReady AND :kind: = :k AND :group: = g AND :notBefore: <= :now) AS created
       FROM ready WHERE g IS NOT NULL`,
      { ...c, name, isReady: states.ready, isRunning: states.running, k: kind, now } as never,
    )
    for (const row of rowsIn(rows)) {
      if (row.id === null) continue
      const [id, group] = [String(row.id), String(row.grp)]
      found.push({ id, group, kind, running: Number(row.running), created: Number(row.created) })
    }
  }
  return found.sort((a, b) => a.running - b.running || a.created - b.created || (a.id < b.id ? -1 : 1))
}

/** mysql2 answers with the rows and their columns, SQLite with the rows. */
const rowsIn = (answer: unknown): Row[] => {
  const [first] = answer as [unknown]
  return (Array.isArray(first) ? first : answer) as Row[]
}

async function rowOf(trx: Knex.Transaction, table: JobTable, { id }: Candidate): Promise<Job | undefined> {
  const row: Row | undefined = await trx(table.name).where(table.columns.id, id).first()
  return row && jobOf(table, row)
}

/** The oldest of the group that nobody else is taking. */
async function lockedOf(
  trx: Knex.Transaction,
  table: JobTable,
  { kind, group }: Candidate,
  now: number,
): Promise<Job | undefined> {
  const { name, columns: c, states } = table
  const row: Row | undefined = await trx(name)
    .where({ [c.state]: states.ready, [c.kind]: kind, [c.group]: group })
    .where(c.notBefore, '<=', now)
    .orderBy([c.createdAt, c.id])
    .forUpdate()
    .skipLocked()
    .first()
  return row && jobOf(table, row)
}
