import type { FirstLine, Limits, Subject, SubjectRecord } from './subject.js'
import type { TrialTasks } from './trial-tasks.js'

/** What a check saw. `skip`: it cannot be told here, and why. */
export interface Finding {
  readonly outcome: 'pass' | 'fail' | 'skip'
  readonly seen: string
}

export const pass = (seen: string): Finding => ({ outcome: 'pass', seen })
export const fail = (seen: string): Finding => ({ outcome: 'fail', seen })
export const skip = (why: string): Finding => ({ outcome: 'skip', seen: why })

/** What a check works with. */
export interface Trial {
  /** As the ready line must name it. */
  readonly stage: string
  readonly limits: Limits
  readonly tasks: TrialTasks
  /** The first line of the first life. */
  readonly first: FirstLine
  readonly bigFrameBytes: number
  /** Records of all lives so far. */
  readonly records: readonly SubjectRecord[]
  /** A subject that is ready, shared with other checks; a new one when the last is gone. */
  shared(): Promise<Subject>
  /** A subject that is ready and that the check may end. */
  fresh(options?: { readonly progress?: boolean }): Promise<Subject>
}

/**
 * One rule of the protocol. What is required, a worker relies on; what is recommended makes trouble visible sooner.
 * A check fails by its finding, or by the SubjectError that a subject threw at it.
 */
export interface Check {
  readonly name: string
  readonly level: 'required' | 'recommended'
  readonly expected: string
  /** The check is skipped without such a task. */
  readonly needs?: 'task' | 'failing task' | 'valid task'
  run(trial: Trial): Finding | Promise<Finding>
}

/** The task for checks that only want an answer, whichever: the one that ends at once, when there is one. */
export const anyTask = ({ tasks }: Trial): unknown => tasks.failing ?? tasks.valid

/** A text for a finding, on one line and not too long. */
export function cut(text: string, length = 100): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > length ? `${line.slice(0, length)}…` : line
}

/** The same as a quotation. */
export const excerpt = (text: string): string => JSON.stringify(cut(text))
