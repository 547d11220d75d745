import type { Knex } from 'knex'

/**
 * | state   | meaning                                                        | next                                                        |
 * |---------|----------------------------------------------------------------|-------------------------------------------------------------|
 * | ready   | may be claimed, from `notBefore` on                             | running, done (somebody else has brought the result), parked |
 * | running | claimed by an owner, until its lease ends                       | done, ready (failed, released, lease over), parked            |
 * | parked  | failed too often, or for good: a person decides                 | ready (reset), done                                          |
 * | done    | its result is recorded                                          | ready (reset)                                                |
 */
export const JOB_STATES = ['ready', 'running', 'parked', 'done'] as const
export type JobState = (typeof JOB_STATES)[number]

/**
 * What a queue needs to know of a job. `fence` rises with every claim: who holds an older one holds nothing any more. Texts are never null, moments that
 * have not come are 0.
 */
const COLUMNS = [
  'id',
  'group',
  'kind',
  'state',
  'owner',
  'error',
  'createdAt',
  'startedAt',
  'finishedAt',
  'fence',
  'attempts',
  'leaseUntil',
  'notBefore',
] as const
export type JobColumn = (typeof COLUMNS)[number]

/** The names of the columns in a table that nobody else knows. */
export const OWN_COLUMNS = {
  id: 'id',
  group: 'queue_group',
  kind: 'kind',
  state: 'state',
  owner: 'owner',
  error: 'error',
  createdAt: 'created_at',
  startedAt: 'started_at',
  finishedAt: 'finished_at',
  fence: 'fence',
  attempts: 'attempts',
  leaseUntil: 'lease_until',
  notBefore: 'not_before',
} as const satisfies Readonly<Record<JobColumn, string>>

/** A table that holds jobs, among whatever else. */
export interface JobTable {
  readonly name: string
  readonly columns: Readonly<Record<JobColumn, string>>
  readonly states: Readonly<Record<JobState, number | string>>
  /** Milliseconds in one unit of created, started and finished; leases are in milliseconds. */
  readonly timeUnitMs: number
  /** Most characters of an error. */
  readonly errorLength: number
  /** A column by whose value, the smallest first, jobs are claimed, whatever their groups; absent: fairly among the groups. */
  readonly dueColumn?: string
}

/** What can be added to a table of jobs that another program made and still knows: it works on as if they were not there. */
export function addLeaseColumns(table: Knex.AlterTableBuilder, { columns }: JobTable): void {
  for (const column of ['fence', 'attempts', 'leaseUntil', 'notBefore'] as const)
    table.bigInteger(columns[column]).notNullable().defaultTo(0)
}

/** What claims and expiries look for. */
export function addQueueIndexes(table: Knex.CreateTableBuilder, { name, columns: c }: JobTable): void {
  table.index([c.state, c.kind, c.group, c.createdAt, c.id], `${name}_queue_order`)
  table.index([c.state, c.leaseUntil], `${name}_queue_lease`)
  table.index([c.createdAt, c.id], `${name}_queue_age`)
}

export type Row = Readonly<Record<string, unknown>>

export interface Job {
  readonly id: string
  readonly group: string
  readonly kind: number | string
  readonly state: JobState
  readonly owner: string
  readonly error: string
  /** All moments in milliseconds since the Unix epoch; 0 when they have not come. */
  readonly createdAt: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly leaseUntil: number
  readonly notBefore: number
  readonly fence: number
  readonly attempts: number
  /** The whole row, for what else is in it. */
  readonly row: Row
}

export function jobOf({ columns: c, states, timeUnitMs }: JobTable, row: Row): Job {
  const number = (column: JobColumn): number => Number(row[c[column]])
  return {
    id: String(row[c.id]),
    group: String(row[c.group]),
    kind: row[c.kind] as number | string,
    state: JOB_STATES.find(state => String(states[state]) === String(row[c.state])) ?? 'parked',
    owner: String(row[c.owner]),
    error: String(row[c.error]),
    createdAt: number('createdAt') * timeUnitMs,
    startedAt: number('startedAt') * timeUnitMs,
    finishedAt: number('finishedAt') * timeUnitMs,
    leaseUntil: number('leaseUntil'),
    notBefore: number('notBefore'),
    fence: number('fence'),
    attempts: number('attempts'),
    row,
  }
}
