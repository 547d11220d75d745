import { errorText, SealError } from '../../../rpc-schema/seal-error.js'
import type { SectorStateName } from '../../../rpc-schema/worker/sector-states.js'
import type { SectorHome } from '../store/sector-home.js'
import {
  classified,
  FAILURE_LEVEL,
  failureText,
  Interrupt,
  isSectorUnknown,
  ManagerUnreachable,
  unlessDeposited,
} from './failure.js'
import { merged, missingFor, type Outcome, type Plan, type PlanState } from './plan.js'
import type { Task } from './task.js'
import type { ThreadStatus } from './thread-status.js'

/** `idle`: nothing to do after asking often enough; the record, if there is one, stays. `handed over`: another carries the sector on. */
export type TaskResult = 'done' | 'idle' | 'aborted' | 'handed over'

interface Transition {
  readonly prev: SectorStateName
  readonly next: SectorStateName
  readonly event: string
}

export interface RunnerParts {
  readonly plan: Plan
  readonly task: Task
  readonly store: SectorHome
  readonly status: ThreadStatus
  readonly interrupt: AbortSignal
  /** Whether a new sector may be asked for. */
  mayTake(): boolean
  /** Whether another carries the sector on in a state. */
  handsOver?(state: SectorStateName): boolean
  /** How the manager knows this worker and thread. */
  readonly reporter: { readonly instance: string; readonly location: string }
}

/**
 * Carries one sector through its plan. A round: run the step of the record's state, journal what it found together with the next
 * state, report. The journal is written before anything else is done, so after a kill at any point the same step (never a later
 * one) is run again; the manager's and the steps' idempotence does the rest.
 *
 * As with damocles, a report goes out after the step that follows the reported transition: managers expect this order of calls.
 */
export class TaskRunner {
  readonly #parts: RunnerParts
  /** Not told to the manager yet. */
  #unreported: Transition | undefined
  #idleCount = 0

  constructor(parts: RunnerParts) {
    this.#parts = parts
  }

  /** Throws Interrupt, or a SealError of class permanent or critical after which the thread must pause. */
  async run(target?: SectorStateName): Promise<TaskResult> {
    const { task } = this.#parts
    if (target !== undefined && target !== task.record.state) await this.#enter(target, `SetState(${target})`)
    for (;;) {
      this.#publish()
      if (task.record.state === 'Aborted')
        return this.#giveUp(task.record.sealyard.abort_reason ?? 'aborted by the operator')
      if (this.#parts.handsOver?.(task.record.state)) return this.#handOver()
      const result = await this.#round()
      if (result !== undefined) return result
    }
  }

  async #round(): Promise<TaskResult | undefined> {
    const { task } = this.#parts
    let failure: SealError | undefined
    let outcome: Outcome<string> | undefined
    const transition = this.#unreported
    const at = task.record.state
    try {
      if (this.#parts.interrupt.aborted) throw new Interrupt()
      if (at === 'Empty' && !this.#parts.mayTake()) return 'idle'
      outcome = await this.#step()
      if (outcome.kind === 'event') await this.#enter(this.#row().on[outcome.event]!, outcome.event, outcome)
    } catch (error) {
      failure = unlessDeposited(classified(error), this.#deposited)
    }
    const dropped = await this.#report(transition ?? { prev: at, next: at, event: 'None' }, failure)
    if (dropped !== undefined && at !== 'Finished') return this.#dropped(dropped)
    if (failure !== undefined) return this.#failed(failure)
    if (outcome?.kind === 'event') this.#progressed()
    else if (outcome?.kind === 'finished') return this.#finish()
    else if (this.#tiredOfIdling()) return 'idle'
    else await task.wait(task.config.recoverIntervalMs)
    return undefined
  }

  /** What this one has done is told before the next begins. */
  async #handOver(): Promise<TaskResult> {
    if (this.#unreported !== undefined) await this.#report(this.#unreported, undefined)
    return 'handed over'
  }

  #row(): PlanState {
    const { plan, task } = this.#parts
    const row = plan.states[task.record.state]
    if (row === undefined) throw new SealError('permanent', `plan ${plan.name} has no state ${task.record.state}`)
    return row
  }

  get #deposited(): boolean {
    const { plan, task } = this.#parts
    return task.record.sealyard.deposited || plan.states[task.record.state]?.commitment === 'deposited'
  }

  async #step(): Promise<Outcome<string>> {
    const { plan, task, status } = this.#parts
    const row = this.#row()
    const { state } = task.record
    const missing = missingFor(plan, state, task.record) ?? []
    if (missing.length > 0) {
      throw new SealError('permanent', `state ${state} needs ${missing.join(', ')}, which the sector's record lacks`)
    }
    status.set({ kind: 'Running', proc: null })
    return row.step.run(task)
  }

  /** Journals the next state together with what led to it. */
  async #enter(next: SectorStateName, event: string, outcome?: Outcome<string> & { kind: 'event' }): Promise<void> {
    const { task, plan } = this.#parts
    const prev = task.record.state
    const deposited = this.#deposited || plan.states[next]?.commitment === 'deposited'
    const record = merged(merged(task.record, { sealyard: { deposited } }), outcome?.changes ?? {})
    await task.replace({ ...record, prev_state: prev, state: next, retry: 0 })
    this.#unreported = { prev, next, event }
    task.log.info({ sector: task.jobId, prev, state: next, event }, 'state changed')
  }

  #publish(): void {
    const { task, plan, status } = this.#parts
    status.jobId = task.jobId ?? null
    status.plan = plan.name
    status.jobState = task.record.state
    status.jobStage = plan.states[task.record.state]?.stage ?? null
  }

  #progressed(): void {
    this.#idleCount = 0
    this.#parts.status.lastError = null
  }

  #tiredOfIdling(): boolean {
    this.#idleCount += 1
    return this.#idleCount > this.#parts.task.config.requestTaskMaxRetries
  }

  /** Tells the manager; the reason when it has closed the sector on its side. A report that fails is only logged. */
  async #report(transition: Transition, failure: SealError | undefined): Promise<string | undefined> {
    const { task, reporter } = this.#parts
    const { base } = task.record
    if (base === null || transition.next === 'Empty') return undefined
    if (failure instanceof ManagerUnreachable) return undefined
    try {
      const answer = await task.call(
        task.manager.ReportState(base.allocated.ID, {
          Worker: { Instance: reporter.instance, Location: reporter.location },
          StateChange: { Prev: transition.prev, Next: transition.next, Event: transition.event },
          Failure: failure === undefined ? null : { Level: FAILURE_LEVEL[failure.class], Desc: errorText(failure) },
        }),
      )
      if (this.#unreported === transition) this.#unreported = undefined
      return answer.Finalized ? answer.AbortReason || 'task aborted' : undefined
    } catch (error) {
      if (!(error instanceof Interrupt))
        task.log.warn({ err: error, sector: task.jobId }, 'cannot report the state to the manager')
      return undefined
    }
  }

  async #failed(failure: SealError): Promise<TaskResult | undefined> {
    const { task } = this.#parts
    if (failure instanceof Interrupt) throw failure
    if (failure.class === 'abort') {
      task.log.error({ err: failure, sector: task.jobId }, 'sector is given up')
      if (task.record.base === null) throw failure
      const reason = errorText(failure)
      await this.#enter('Aborted', 'Abort', {
        kind: 'event',
        event: 'Abort',
        changes: { sealyard: { abort_reason: reason } },
      })
      return undefined
    }
    if (failure.class !== 'temporary') throw failure
    const retryInMs = task.config.recoverIntervalMs
    task.log.warn(
      { err: failure, sector: task.jobId, state: task.record.state, retryInMs },
      `${errorText(failure)}; trying again`,
    )
    await this.#tryAgain(failure)
    return undefined
  }

  /** Waits before another try. Throws once the retries are used up; a silent manager uses up none. */
  async #tryAgain(failure: SealError): Promise<void> {
    const { task, status } = this.#parts
    if (failure instanceof ManagerUnreachable) status.managerSilent(failureText(failure))
    else {
      await this.#countRetry(failure)
      status.lastError = failureText(failure)
    }
    await task.wait(task.config.recoverIntervalMs)
  }

  /** Throws once the retries are used up. */
  async #countRetry(failure: SealError): Promise<void> {
    const { task } = this.#parts
    const { retry } = task.record
    const { maxRetries } = task.config
    if (retry < maxRetries) return task.replace({ ...task.record, retry: retry + 1 })
    await task.replace({ ...task.record, retry: 0 })
    throw new SealError('permanent', `still failing after ${maxRetries} retries`, { cause: failure })
  }

  async #finish(): Promise<TaskResult | undefined> {
    const { task, store, status } = this.#parts
    try {
      await task.call(task.manager.ReportFinalized(task.sector.ID))
    } catch (error) {
      // The call before a crash may have gone through; the manager then has no such sector in work any more.
      if (!isSectorUnknown(error)) return this.#failed(classified(error))
      task.log.info({ sector: task.jobId }, 'the manager has this sector finalized already')
    }
    await store.clean()
    task.log.info({ sector: task.jobId }, 'sector finished')
    status.lastError = null
    return 'done'
  }

  /** The manager has finalized or aborted the sector on its side: nothing here is of use any more. */
  async #dropped(reason: string): Promise<TaskResult> {
    const { task, store } = this.#parts
    task.log.warn({ sector: task.jobId, reason }, 'the manager has closed this sector; it is dropped here')
    await store.clean()
    return 'aborted'
  }

  /** The sector's files are removed only when the manager knows of it, or has answered that it has no such sector. */
  async #giveUp(reason: string): Promise<TaskResult> {
    const { plan, task, store, status } = this.#parts
    while (task.record.base !== null) {
      try {
        if (plan.giveUp !== undefined) await plan.giveUp(task, reason)
        else await task.call(task.manager.ReportAborted(task.sector.ID, reason))
        break
      } catch (error) {
        if (error instanceof Interrupt || !(error instanceof SealError)) throw error
        task.log.warn({ err: error, sector: task.jobId }, 'cannot tell the manager that the sector is given up')
        if (isSectorUnknown(error)) break
        await this.#tryAgain(error)
      }
    }
    await store.clean()
    task.log.warn({ sector: task.jobId, reason }, 'sector aborted')
    status.lastError = null
    return 'aborted'
  }
}
