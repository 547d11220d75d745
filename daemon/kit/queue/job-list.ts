import type { Knex } from 'knex'
import { type Job, type JobState, type JobTable, jobOf, type Row } from './job-table.js'

export interface JobFilter {
  readonly states?: readonly JobState[]
  readonly groups?: readonly string[]
  readonly owners?: readonly string[]
  readonly kinds?: readonly (number | string)[]
}

export interface JobPage {
  readonly jobs: readonly Job[]
  /** Where the next page begins; undefined on the last one. */
  readonly next?: string
}

export interface ListOptions {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly columns?: readonly string[]
}

/** The jobs of a table, the newest first, page by page. */
export async function listJobs(
  db: Knex,
  table: JobTable,
  filter: JobFilter,
  { limit, cursor, columns }: ListOptions,
): Promise<JobPage> {
  const { name, columns: c, states } = table
  const query = db(name).orderBy([
    { column: c.createdAt, order: 'desc' },
    { column: c.id, order: 'desc' },
  ])
  if (filter.states)
    void query.whereIn(
      c.state,
      filter.states.map(state => states[state]),
    )
  if (filter.groups) void query.whereIn(c.group, [...filter.groups])
  if (filter.owners) void query.whereIn(c.owner, [...filter.owners])
  if (filter.kinds) void query.whereIn(c.kind, [...filter.kinds])
  if (cursor !== undefined) {
    const [at, id] = parseCursor(cursor)
    void query.where(older =>
      older.where(c.createdAt, '<', at).orWhere(same => same.where(c.createdAt, at).where(c.id, '<', id)),
    )
  }
  const wanted = columns === undefined ? ['*'] : [...new Set([...Object.values(c), ...columns])]
  const rows: Row[] = await query.limit(limit + 1).select(wanted)
  const jobs = rows.slice(0, limit).map(row => jobOf(table, row))
  const last = rows[limit - 1]
  return rows.length > limit && last ? { jobs, next: `${last[c.createdAt]}/${last[c.id]}` } : { jobs }
}

function parseCursor(cursor: string): [at: number, id: string] {
  const slash = cursor.indexOf('/')
  const at = Number(cursor.slice(0, slash))
  if (slash < 1 || !Number.isSafeInteger(at))
    throw new RangeError(`not a cursor of this list: ${JSON.stringify(cursor.slice(0, 60))}`)
  return [at, cursor.slice(slash + 1)]
}
