/**
 * What the columns of a task say. Nothing else tells its state: the table is that of the older master.
 *
 * | state   | started_at | finished_at | out_body | next                                                                |
 * |---------|------------|-------------|----------|---------------------------------------------------------------------|
 * | ready   | null       | null        | null     | running (claimed)                                                   |
 * | running | set        | null        | null     | done, failed (reported, late), ready (released, its slave is dead)  |
 * | failed  | any        | set         | null     | ready (while retries are left), done (a slave was done after all)   |
 * | done    | any        | set         | set      | archived                                                            |
 */
export type TaskState = 'ready' | 'running' | 'failed' | 'done'

/** A task without its bodies. */
export interface TaskBrief {
  readonly id: string
  readonly state: TaskState
  /** Empty when there is none. */
  readonly error: string
  readonly slave: string
  readonly retryCount: number
  /** Seconds since the Unix epoch; undefined: not yet. */
  readonly startedAt: number | undefined
}

/** A task that a slave works on. */
export interface RunningTask extends TaskBrief {
  readonly startedAt: number
  /** Seconds since the Unix epoch. */
  readonly heartbeatAt: number
}

/** A row as it is selected: with `has_output` in place of the body. */
export interface TaskRow {
  readonly id: string
  readonly started_at: number | string | null
  readonly finished_at: number | string | null
  readonly retry_count: number
  readonly error_reason: string | null
  readonly slave: string | null
  readonly has_output: number | boolean
}

export function taskBrief(row: TaskRow): TaskBrief {
  return {
    id: row.id,
    state: stateOf(row.started_at, row.finished_at, row.has_output),
    error: row.error_reason ?? '',
    slave: row.slave ?? '',
    retryCount: row.retry_count,
    startedAt: row.started_at === null ? undefined : Number(row.started_at),
  }
}

export function stateOf(
  startedAt: TaskRow['started_at'],
  finishedAt: TaskRow['finished_at'],
  hasOutput: TaskRow['has_output'],
): TaskState {
  if (finishedAt !== null) return hasOutput ? 'done' : 'failed'
  return startedAt === null ? 'ready' : 'running'
}
