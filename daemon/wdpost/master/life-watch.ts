import type { Clock } from '../../kit/clock.js'
import type { RunningTask } from '../tasks/task-row.js'
import type { LossEvent } from './task-events.js'

export interface LifeLimits {
  /** One attempt, ms. */
  readonly timeout: number
  /** A slave that is silent for longer is dead, ms. */
  readonly heartbeatTimeout: number
}

export interface Loss {
  readonly task: RunningTask
  readonly event: LossEvent
  readonly reason: string
}

interface Seen {
  /** Of one attempt. */
  readonly attempt: string
  readonly since: number
  heartbeatAt: number
  heardAt: number
}

/**
 * Tells which running tasks have lost their slaves, by what changes in the rows from look to look: the moments in them are by the clocks of machines,
 * which somebody may set, and a master that has just started has not been there to hear anybody.
 */
export class LifeWatch {
  readonly #clock: Clock
  readonly #limits: LifeLimits
  readonly #seen = new Map<string, Seen>()

  constructor(clock: Clock, limits: LifeLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Looks at all tasks that run; those that are to be taken from their slaves, and why. `hangAfter`: when one is taken for hung, ms. */
  overdue(running: readonly RunningTask[], hangAfter: (task: RunningTask) => number | undefined): Loss[] {
    const ids = new Set(running.map(({ id }) => id))
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id)
    return running.flatMap(task => {
      const loss = this.#loss(task, hangAfter(task))
      return loss === undefined ? [] : [{ task, ...loss }]
    })
  }

  #loss(task: RunningTask, hangMs: number | undefined): Omit<Loss, 'task'> | undefined {
    const now = this.#clock.monotonic()
    const { since, heardAt } = this.#look(task, now)
    const { heartbeatTimeout, timeout } = this.#limits
    if (now - heardAt > heartbeatTimeout)
      return loss('silent', `heartbeat timeout: ${task.slave} was not heard of for ${seconds(now - heardAt)}`)
    if (now - since > timeout) return loss('timeout', `timeout: ${task.slave} was not done within ${seconds(timeout)}`)
    if (hangMs !== undefined && now - since > hangMs)
      return loss(
        'hung',
        `${task.slave} hangs: it was not done within ${seconds(hangMs)}, three times what tasks took so far`,
      )
    return undefined
  }

  #look({ id, slave, retryCount, startedAt, heartbeatAt }: RunningTask, now: number): Seen {
    const attempt = `${slave}/${retryCount}/${startedAt}`
    const before = this.#seen.get(id)
    if (before === undefined || before.attempt !== attempt) {
      const seen = { attempt, since: now, heartbeatAt, heardAt: now }
      this.#seen.set(id, seen)
      return seen
    }
    if (before.heartbeatAt !== heartbeatAt) Object.assign(before, { heartbeatAt, heardAt: now })
    return before
  }
}

const loss = (event: LossEvent, reason: string): Omit<Loss, 'task'> => ({ event, reason })

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`
