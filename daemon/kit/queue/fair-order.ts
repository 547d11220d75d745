import type { Knex } from 'knex'
import { hotRows, isSqlite } from '../database.js'
import { type Job, type JobTable, jobOf, type Row } from './job-table.js'

/** How often the choice is made again when others have just taken what was chosen. */
const CHOICES = 8

/**
 * The ready job that is next: of the group with the fewest running jobs, so that one miner's backlog does not hold up another's sector; among equal
 * ones the oldest. It is locked, and jobs that others are just taking are passed over; only where writers run side by side.
 */
export async function nextReady(
  trx: Knex.Transaction,
  table: JobTable,
  kinds: readonly (number | string)[],
  now: number,
): Promise<Job | undefined> {
  for (let choice = 0; choice < CHOICES; choice++) {
    const found = (await headsOf(trx, table, kinds, now)).sort(byTurn)
    if (found.length === 0) return undefined
    for (const candidate of found) {
      const job = await lockedOf(trx, table, candidate, now)
      if (job !== undefined) return job
    }
  }
  return undefined
}

/** The same order for several claims in one transaction of a database with one writer: the groups are looked through once. */
export class FairTurns {
  readonly #trx: Knex.Transaction
  readonly #table: JobTable
  readonly #now: number
  readonly #heads: Head[]
  #used: { head: Head; taken: boolean } | undefined

  private constructor(trx: Knex.Transaction, table: JobTable, now: number, heads: Head[]) {
    this.#trx = trx
    this.#table = table
    this.#now = now
    this.#heads = heads
  }

  static async of(
    trx: Knex.Transaction,
    table: JobTable,
    kinds: readonly (number | string)[],
    now: number,
  ): Promise<FairTurns> {
    return new FairTurns(trx, table, now, await headsOf(trx, table, kinds, now))
  }

  /** The next one, which the caller takes with `take`; undefined when there is none. */
  async next(take: (job: Job) => Promise<boolean>): Promise<Job | undefined> {
    for (;;) {
      await this.#advance()
      const [head] = this.#heads.sort(byTurn)
      if (head === undefined) return undefined
      const job = await rowOf(this.#trx, this.#table, head)
      const taken = job !== undefined && (await take(job))
      this.#used = { head, taken }
      if (taken) return job
    }
  }

  /** Puts in the place of the job that was given last the one of its group that follows. */
  async #advance(): Promise<void> {
    if (this.#used === undefined) return
    const { head, taken } = this.#used
    this.#used = undefined
    const { name, columns: c, states } = this.#table
    const [oldest] = await hotRows<Row>(
      this.#trx,
      `select ${c.id} as id, ${c.createdAt} as created from ${name}
       where ${c.state} = ? and ${c.kind} = ? and ${c.group} = ? and ${c.notBefore} <= ? order by ${c.createdAt}, ${c.id} limit 1`,
      [states.ready, head.kind, head.group, this.#now],
    )
    this.#heads.splice(this.#heads.indexOf(head), 1)
    // What could not be taken is not offered again.
    if (oldest === undefined || (!taken && oldest.id === head.id)) return
    const { id, created } = oldest
    this.#heads.push({ ...head, id: String(id), created: Number(created), running: head.running + Number(taken) })
  }
}

interface Candidate {
  readonly id: string
  readonly kind: number | string
  readonly group: string
}

/**
 * The oldest ready job of each group. Goes from group to group along the index and does not read the jobs between: there are few groups and may be many
 * jobs.
 */
async function headsOf(
  trx: Knex.Transaction,
  table: JobTable,
  kinds: readonly (number | string)[],
  now: number,
): Promise<Head[]> {
  const heads = isSqlite(trx) ? headsAtOnce : headsStepByStep
  const found: Head[] = []
  for (const kind of kinds) found.push(...(await heads(trx, table, kind, now)))
  return found
}

interface Head extends Candidate {
  readonly running: number
  readonly created: number
}

/** In the order in which they are due. */
const byTurn = (a: Head, b: Head): number => a.running - b.running || a.created - b.created || (a.id < b.id ? -1 : 1)

async function headsAtOnce(
  trx: Knex.Transaction,
  { name, columns: c, states }: JobTable,
  kind: number | string,
  now: number,
): Promise<Head[]> {
  const rows = await trx.raw<Row[]>(
    `WITH RECURSIVE ready(g) AS (
       SELECT MIN(:group:) FROM :name: WHERE :state: = :isReady AND :kind: = :k
       UNION ALL
       SELECT (SELECT MIN(:group:) FROM :name: WHERE :state: = :isReady AND :kind: = :k AND :group: > g) FROM ready WHERE g IS NOT NULL
     ), heads(g, head) AS (
       SELECT g, (SELECT :id: FROM :name: WHERE :state: = :isReady AND :kind: = :k AND :group: = g AND :notBefore: <= :now ORDER BY :createdAt:, :id: LIMIT 1)
       FROM ready WHERE g IS NOT NULL
     )
     SELECT g AS grp, head AS id,
       (SELECT COUNT(*) FROM :name: WHERE :state: = :isRunning AND :kind: = :k AND :group: = g) AS running,
       (SELECT :createdAt: FROM :name: WHERE :id: = head) AS created
     FROM heads WHERE head IS NOT NULL`,
    { ...c, name, isReady: states.ready, isRunning: states.running, k: kind, now } as never,
  )
  return rows.map(row => ({
    id: String(row.id),
    group: String(row.grp),
    kind,
    running: Number(row.running),
    created: Number(row.created),
  }))
}

/** MySQL uses an index for "the next one after" only when it is told after what. */
async function headsStepByStep(
  trx: Knex.Transaction,
  { name, columns: c, states }: JobTable,
  kind: number | string,
  now: number,
): Promise<Head[]> {
  const counts: Row[] = await trx(name)
    .where({ [c.state]: states.running, [c.kind]: kind })
    .groupBy(c.group)
    .select({ group: c.group }, trx.raw('COUNT(*) AS running'))
  const running = new Map(counts.map(row => [String(row.group), Number(row.running)]))
  const ready = () =>
    trx(name)
      .where({ [c.state]: states.ready, [c.kind]: kind })
      .select({ id: c.id, group: c.group, created: c.createdAt, notBefore: c.notBefore })
      .first()
  const heads: Head[] = []
  for (let after: string | undefined; ; ) {
    const next = ready().orderBy([c.group, c.createdAt, c.id])
    const oldest: Row | undefined = await (after === undefined ? next : next.where(c.group, '>', after))
    if (oldest === undefined) return heads
    const group = String(oldest.group)
    after = group
    const due: Row | undefined =
      Number(oldest.notBefore) <= now
        ? oldest
        : await ready().where(c.group, group).where(c.notBefore, '<=', now).orderBy([c.createdAt, c.id])
    if (due !== undefined)
      heads.push({ id: String(due.id), group, kind, running: running.get(group) ?? 0, created: Number(due.created) })
  }
}

async function rowOf(trx: Knex.Transaction, table: JobTable, { id }: Candidate): Promise<Job | undefined> {
  const [row] = await hotRows<Row>(trx, `select * from ${table.name} where ${table.columns.id} = ?`, [id])
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
