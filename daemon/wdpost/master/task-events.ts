/** What happens to tasks, and what of it is the doing of the slave that it happens to. */
export const TASK_EVENTS = {
  added: undefined,
  given: 'given',
  done: 'done',
  /** Done by a slave that had lost it. */
  late: 'late',
  failed: 'failed',
  returned: undefined,
  silent: 'taken',
  timeout: 'taken',
  hung: 'taken',
  again: undefined,
  given_up: undefined,
  superseded: undefined,
  gave_way: undefined,
  archived: undefined,
  forgotten: undefined,
} as const satisfies Readonly<Record<string, string | undefined>>
export type TaskEvent = keyof typeof TASK_EVENTS
export type SlaveOutcome = NonNullable<(typeof TASK_EVENTS)[TaskEvent]>

/** Why a slave loses a task: it was not heard of, its attempt takes longer than any may, or longer than those before it. */
export type LossEvent = Extract<TaskEvent, 'silent' | 'timeout' | 'hung'>

export interface TaskObserver {
  /** `count`: of how many tasks; default 1. */
  event(event: TaskEvent, about?: { readonly slave?: string; readonly count?: number }): void
  /** So long after it was given to a slave. */
  proven(tookMs: number): void
}

export const UNOBSERVED: TaskObserver = { event: () => {}, proven: () => {} }
