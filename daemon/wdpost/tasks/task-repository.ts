import type { Knex } from 'knex'
import { ARCHIVE, TASK_COLUMNS, TASKS } from '../../../migrations/wdpost/001-tasks.js'
import type { WindowTaskClaim } from '../../../rpc-schema/wdpost/index.js'
import type { Clock } from '../../kit/clock.js'
import { fitting, inTransaction, isSqlite, TEXT_COLUMN } from '../../kit/database.js'
import { type RunningTask, stateOf, type TaskBrief, type TaskRow, type TaskState, taskBrief } from './task-row.js'

/** Rows that are moved in one transaction: a body has up to a megabyte. */
const ARCHIVED_AT_ONCE = 16
const FORGOTTEN_AT_ONCE = 100

/**
 * The tables `tasks` and `tasks_archived`. Several masters may have them in common: whatever depends on the state of a row is one statement that says in
 * which state it must be.
 */
export class TaskRepository {
  readonly #db: Knex
  readonly #clock: Clock

  constructor(db: Knex, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** One with that id that is there already stays as it is. */
  async add(id: string, body: string): Promise<void> {
    const row = { id, in_body: Buffer.from(body), created_at: this.#now(), retry_count: 0 }
    await this.#db(TASKS).insert(row).onConflict('id').ignore()
  }

  async find(id: string): Promise<TaskBrief | undefined> {
    return (await this.#briefs(query => query.where({ id })))[0]
  }

  async inBody(id: string): Promise<string | undefined> {
    return this.#body(id, 'in_body')
  }

  async outBody(id: string): Promise<string | undefined> {
    return this.#body(id, 'out_body')
  }

  /** Those of `ids` that may be claimed, the oldest first. */
  ready(ids: readonly string[]): Promise<TaskBrief[]> {
    if (ids.length === 0) return Promise.resolve([])
    return this.#briefs(query =>
      query.whereIn('id', ids).whereNull('started_at').whereNull('finished_at').orderBy(['created_at', 'id']),
    )
  }

  /** Undefined when somebody else was faster. */
  async take({ id, retryCount }: TaskBrief, slave: string): Promise<WindowTaskClaim | undefined> {
    const now = this.#now()
    const taken = await this.#db(TASKS)
      .where({ id, retry_count: retryCount })
      .whereNull('started_at')
      .whereNull('finished_at')
      .update({ slave, started_at: now, heartbeat_at: now })
    return taken > 0 ? { id, retry_count: retryCount, started_at: now } : undefined
  }

  /** Whether the task is still the slave's. */
  async heartbeat(slave: string, claim: WindowTaskClaim): Promise<boolean> {
    return (await this.#claimed(slave, claim).update({ heartbeat_at: this.#now() })) > 0
  }

  /** By whomever it comes: a proof that was made is a proof. False when there is no such task, or it has an output. */
  async complete(id: string, slave: string, body: string): Promise<boolean> {
    const now = this.#now()
    const done = await this.#db(TASKS)
      .where({ id })
      .whereNull('out_body')
      .update({
        slave,
        out_body: Buffer.from(body),
        error_reason: null,
        finished_at: now,
        started_at: this.#db.raw('COALESCE(started_at, ?)', [now]),
      })
    return done > 0
  }

  async fail(slave: string, claim: WindowTaskClaim, reason: string): Promise<boolean> {
    const values = { finished_at: this.#now(), error_reason: fitting(reason, TEXT_COLUMN) }
    return (await this.#claimed(slave, claim).update(values)) > 0
  }

  async release(slave: string, claim: WindowTaskClaim): Promise<boolean> {
    return (await this.#claimed(slave, claim).update({ slave: null, started_at: null, heartbeat_at: null })) > 0
  }

  /** A slave that works on it loses it, when it is one of `slaves`: those of another master work for somebody who may want it yet. */
  async cancel(id: string, slaves: readonly string[], reason: string): Promise<void> {
    await this.#db(TASKS)
      .where({ id })
      .whereIn('slave', [...slaves, ''])
      .whereNotNull('started_at')
      .whereNull('finished_at')
      .update({ finished_at: this.#now(), error_reason: fitting(reason, TEXT_COLUMN) })
  }

  async running(): Promise<RunningTask[]> {
    const rows: (TaskRow & { heartbeat_at: number | string | null })[] = await this.#db(TASKS)
      .whereNotNull('started_at')
      .whereNull('finished_at')
      .select([...this.#columns(), 'heartbeat_at'])
    return rows.map(row => ({
      ...taskBrief(row),
      startedAt: Number(row.started_at),
      heartbeatAt: Number(row.heartbeat_at),
    }))
  }

  /** Makes those of `ids` that have failed ready again, as long as they have retries left; which. */
  async retry(ids: readonly string[], maxRetry: number): Promise<string[]> {
    if (ids.length === 0) return []
    const failed = await this.#briefs(query =>
      query.whereIn('id', ids).whereNotNull('finished_at').whereNull('out_body').where('retry_count', '<', maxRetry),
    )
    const again: string[] = []
    for (const { id, retryCount } of failed) {
      const changed = await this.#db(TASKS)
        .where({ id, retry_count: retryCount })
        .whereNotNull('finished_at')
        .whereNull('out_body')
        .update({ retry_count: retryCount + 1, slave: null, started_at: null, finished_at: null, heartbeat_at: null })
      if (changed > 0) again.push(id)
    }
    return again
  }

  /** The task as if it had never been tried; what became of it so far is in the archive. */
  async renew(id: string): Promise<void> {
    await inTransaction(this.#db, async trx => {
      const row: { in_body: Buffer } | undefined = await trx(TASKS).where({ id }).first('in_body')
      if (row === undefined) return
      await move(trx, [id])
      await trx(TASKS).insert({ id, in_body: row.in_body, created_at: this.#now(), retry_count: 0 })
    })
  }

  /** Moves tasks made before a moment into the archive, but neither those that are being worked on nor `except`. How many. */
  async archive(before: number, except: readonly string[]): Promise<number> {
    const ids = await this.#db(TASKS)
      .where('created_at', '<', Math.floor(before / 1_000))
      .where(query => query.whereNotNull('finished_at').orWhereNull('started_at'))
      .whereNotIn('id', [...except, ''])
      .pluck<string[]>('id')
    for (let at = 0; at < ids.length; at += ARCHIVED_AT_ONCE)
      await inTransaction(this.#db, trx => move(trx, ids.slice(at, at + ARCHIVED_AT_ONCE)))
    return ids.length
  }

  /** Deletes what is in the archive and was made before a moment. How many. */
  async forget(before: number): Promise<number> {
    for (let forgotten = 0; ; ) {
      const ids = await this.#db(ARCHIVE)
        .where('created_at', '<', Math.floor(before / 1_000))
        .limit(FORGOTTEN_AT_ONCE)
        .pluck<string[]>('id')
      if (ids.length === 0) return forgotten
      forgotten += await this.#db(ARCHIVE).whereIn('id', ids).delete()
    }
  }

  /** By state, and those in the archive. */
  async counts(): Promise<Record<TaskState | 'archived', number>> {
    const counts = { ready: 0, running: 0, failed: 0, done: 0, archived: 0 }
    const columns = ['started_at IS NOT NULL', 'finished_at IS NOT NULL', 'out_body IS NOT NULL']
    const rows: { started: number; finished: number; has_output: number; count: number }[] = await this.#db(TASKS)
      .select(['started', 'finished', 'has_output'].map((name, at) => this.#db.raw(`${columns[at]} AS ${name}`)))
      .count({ count: '*' })
      .groupBy('started', 'finished', 'has_output')
    for (const { started, finished, has_output, count } of rows)
      counts[stateOf(started ? 1 : null, finished ? 1 : null, has_output)] += Number(count)
    counts.archived = Number((await this.#db(ARCHIVE).count({ count: '*' }).first())?.count)
    return counts
  }

  /** Tasks that each slave works on. */
  async runningOf(): Promise<Map<string, number>> {
    const slaves = new Map<string, number>()
    for (const { slave } of await this.running()) slaves.set(slave, (slaves.get(slave) ?? 0) + 1)
    return slaves
  }

  #claimed(slave: string, { id, retry_count, started_at }: WindowTaskClaim): Knex.QueryBuilder {
    return this.#db(TASKS).where({ id, slave, retry_count, started_at }).whereNull('finished_at')
  }

  async #briefs(narrow: (query: Knex.QueryBuilder) => Knex.QueryBuilder): Promise<TaskBrief[]> {
    const rows: TaskRow[] = await narrow(this.#db(TASKS).select(this.#columns()))
    return rows.map(taskBrief)
  }

  #columns() {
    const names = ['id', 'started_at', 'finished_at', 'retry_count', 'error_reason', 'slave']
    return [...names, this.#db.raw('out_body IS NOT NULL AS has_output')]
  }

  async #body(id: string, column: 'in_body' | 'out_body'): Promise<string | undefined> {
    const row: Record<string, Buffer | null> | undefined = await this.#db(TASKS).where({ id }).first(column)
    return row?.[column]?.toString('utf8')
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1_000)
  }
}

async function move(trx: Knex.Transaction, ids: readonly string[]): Promise<void> {
  const quote = isSqlite(trx) ? '"' : '`'
  const columns = TASK_COLUMNS.map(name => `${quote}${name}${quote}`).join(', ')
  const marks = ids.map(() => '?').join(', ')
  await trx(ARCHIVE).whereIn('id', ids).delete()
  await trx.raw(`INSERT INTO ${ARCHIVE} (${columns}) SELECT ${columns} FROM ${TASKS} WHERE id IN (${marks})`, [...ids])
  await trx(TASKS).whereIn('id', ids).delete()
}
