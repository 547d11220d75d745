import type { WindowPoStOutput, WindowPoStTask } from '../../../rpc-schema/processor/post.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { GivenWindowTask, WindowOutputOutcome, WindowTaskClaim } from '../../../rpc-schema/wdpost/index.js'
import { postProof } from '../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { HangRule } from '../../kit/processors/hang-rule.js'
import { outputOf, outputText, type TaskBody, taskBody, taskOf } from '../tasks/task-body.js'
import type { TaskRepository } from '../tasks/task-repository.js'
import type { RunningTask, TaskBrief } from '../tasks/task-row.js'
import { type LifeLimits, LifeWatch } from './life-watch.js'
import { Slaves } from './slaves.js'
import { type TaskObserver, UNOBSERVED } from './task-events.js'

export interface TaskLimits extends LifeLimits {
  /** Attempts after the first. */
  readonly maxRetry: number
}

export interface WindowTasksOptions {
  readonly tasks: TaskRepository
  readonly limits: TaskLimits
  readonly clock: Clock
  readonly log: Logger
  readonly observer?: TaskObserver
}

export interface Wait {
  readonly signal: AbortSignal
  /** Called now and then while the task is in good hands. */
  readonly onSign?: () => void
}

/** Between two looks at a task: another master of the database may have got its output. */
const LOOK_MS = 3_000
/** A task that nobody asks for may be finished for so long: a manager that starts again asks for it again. */
const UNWANTED_MS = 3 * 60_000
/** A task that no slave takes for so long is told of. */
const LONELY_MS = 60_000

class TaskFailedError extends Error {
  constructor({ id, error, retryCount, slave }: TaskBrief) {
    super(`${error} (task ${id}, ${retryCount + 1} attempts, the last by ${slave})`)
    this.name = 'TaskFailedError'
  }
}

interface Begun {
  readonly at: number
  readonly partitions: number
}

interface Wanted {
  readonly subject: string
  readonly isTrial: boolean
  waiting: number
  readonly since: number
  readonly wakers: Set<() => void>
  /** Aborts when it is to show something that nobody wants any more. */
  readonly superseded: AbortController
}

/**
 * The tasks of a master: asked for by its manager, kept in the database, given to slaves. Only what somebody waits for is given away; a manager that
 * starts again, and asks again for the same, finds what was done meanwhile.
 */
export class WindowTasks {
  readonly slaves: Slaves
  readonly #options: WindowTasksOptions
  readonly #observer: TaskObserver
  readonly #lives: LifeWatch
  readonly #hangs = new HangRule()
  /** Of tasks that this master has given away. */
  readonly #begun = new Map<string, Begun>()
  readonly #wanted = new Map<string, Wanted>()
  /** Tasks whose output was handed over in this process: who asks again could not use it. */
  readonly #handedOver = new Set<string>()
  /** Since when a running task is wanted by nobody. */
  readonly #unwanted = new Map<string, number>()

  constructor(options: WindowTasksOptions) {
    this.#options = options
    this.#observer = options.observer ?? UNOBSERVED
    this.slaves = new Slaves(options.clock)
    this.#lives = new LifeWatch(options.clock, options.limits)
  }

  /** Rejects when the slaves have tried it too often, with the signal's reason when that aborts first. */
  async prove(task: WindowPoStTask, wait: Wait): Promise<WindowPoStOutput> {
    const body = taskBody(task)
    await this.#supersede(body)
    const wanted = this.#want(body)
    try {
      return await this.#wait(body, wanted, {
        ...wait,
        signal: AbortSignal.any([wait.signal, wanted.superseded.signal]),
      })
    } finally {
      wanted.waiting -= 1
      if (wanted.waiting === 0 && this.#wanted.get(body.id) === wanted) this.#forget(body.id)
    }
  }

  async claim(slave: string, sectorSizes: readonly number[] | null): Promise<GivenWindowTask | null> {
    const { tasks, log } = this.#options
    this.slaves.heard(slave)
    for (const brief of await this.#ready()) {
      if (!this.slaves.mayTake(slave, brief.id)) continue
      const text = await tasks.inBody(brief.id)
      if (text === undefined) continue
      const task = taskOf(text)
      if (sectorSizes !== null && !sectorSizes.includes(postProof(task.proof_type).sectorSize)) continue
      const claim = await tasks.take(brief, slave)
      if (claim === undefined) continue
      this.#begun.set(brief.id, { at: this.#options.clock.monotonic(), partitions: partitionsOf(task) })
      this.#observer.event('given', { slave })
      log.info({ task: brief.id, slave, retry: brief.retryCount }, 'task given to a slave')
      return { claim, task }
    }
    return null
  }

  /** The ids of those that are not the slave's any more. */
  async heartbeat(slave: string, claims: readonly WindowTaskClaim[]): Promise<string[]> {
    this.slaves.heard(slave)
    const lost: string[] = []
    for (const claim of claims)
      if ((await this.#givenUp(slave, claim)) || !(await this.#options.tasks.heartbeat(slave, claim)))
        lost.push(claim.id)
    return lost
  }

  async complete(slave: string, claim: WindowTaskClaim, output: WindowPoStOutput): Promise<WindowOutputOutcome> {
    const { tasks, log } = this.#options
    const { id } = claim
    this.slaves.heard(slave)
    const before = await tasks.find(id)
    if (!(await tasks.complete(id, slave, outputText(output)))) return before === undefined ? 'unknown' : 'known'
    this.#observer.event(before !== undefined && isOf(before, slave, claim) ? 'done' : 'late', { slave })
    log.info({ task: id, slave, faults: output.faults }, 'task done')
    const begun = this.#begun.get(id)
    this.#begun.delete(id)
    if (begun && output.proofs.length > 0) {
      const tookMs = this.#options.clock.monotonic() - begun.at
      this.#hangs.note(begun.partitions, tookMs)
      this.#observer.proven(tookMs)
    }
    this.#wake(id)
    return 'recorded'
  }

  async fail(slave: string, claim: WindowTaskClaim, reason: string): Promise<boolean> {
    const { tasks, log } = this.#options
    this.slaves.heard(slave)
    if (!(await tasks.fail(slave, claim, reason))) return false
    this.#observer.event('failed', { slave })
    log.error({ task: claim.id, slave, retry: claim.retry_count }, `task failed: ${reason}`)
    this.slaves.failed(slave, claim.id)
    this.#wake(claim.id)
    return true
  }

  release(slave: string, claim: WindowTaskClaim): Promise<boolean> {
    this.#observer.event('returned', { slave })
    this.#options.log.info({ task: claim.id, slave }, 'a slave gives a task back')
    return this.#options.tasks.release(slave, claim)
  }

  /** Takes tasks back from slaves that are dead or too late; they are tried again at once. */
  async expire(): Promise<void> {
    const { tasks, log } = this.#options
    for (const { task, event, reason } of this.#lives.overdue(await tasks.running(), task => this.#hangAfter(task))) {
      const claim = { id: task.id, retry_count: task.retryCount, started_at: task.startedAt }
      if (!(await tasks.fail(task.slave, claim, reason))) continue
      this.#observer.event(event, { slave: task.slave })
      log.error({ task: task.id, slave: task.slave, retry: task.retryCount }, reason)
      this.slaves.failed(task.slave, task.id)
      await this.#retry([task.id])
      this.#wake(task.id)
    }
  }

  /** Tries again what slaves could not do; and tells of tasks that nobody takes. */
  async retry(): Promise<void> {
    const { tasks, clock, log } = this.#options
    await this.#retry([...this.#wanted.keys()])
    const lonely = [...this.#wanted].filter(([, { since }]) => clock.monotonic() - since > LONELY_MS).map(([id]) => id)
    if (lonely.length === 0 || this.slaves.present.length > 0) return
    const ready = (await tasks.ready(lonely)).length
    if (ready > 0) log.error({ tasks: ready }, 'tasks wait, and no slave has asked for one for a minute')
  }

  /** Moves old tasks out of the way, and forgets those that have been there for long; `forgetMs` 0: never. */
  async archive(olderMs: number, forgetMs: number): Promise<void> {
    const { tasks, clock, log } = this.#options
    const moved = await tasks.archive(clock.now() - olderMs, [...this.#wanted.keys()])
    this.#observer.event('archived', { count: moved })
    if (moved > 0) log.info({ tasks: moved }, 'old tasks archived')
    const forgotten = forgetMs === 0 ? 0 : await tasks.forget(clock.now() - forgetMs)
    this.#observer.event('forgotten', { count: forgotten })
    if (forgotten > 0) log.info({ tasks: forgotten }, 'archived tasks forgotten')
  }

  /** What the manager waits for. */
  get wanted(): { readonly proofs: number; readonly trials: number; readonly oldestMs: number } {
    const all = [...this.#wanted.values()]
    const now = this.#options.clock.monotonic()
    const trials = all.filter(({ isTrial }) => isTrial).length
    return { proofs: all.length - trials, trials, oldestMs: Math.max(0, ...all.map(({ since }) => now - since)) }
  }

  /** What may be claimed, the oldest first, and trials after all else. */
  async #ready(): Promise<TaskBrief[]> {
    const briefs = await this.#options.tasks.ready([...this.#wanted.keys()])
    const isTrial = ({ id }: TaskBrief): boolean => this.#wanted.get(id)?.isTrial === true
    return [...briefs.filter(brief => !isTrial(brief)), ...briefs.filter(isTrial)]
  }

  async #retry(ids: readonly string[]): Promise<void> {
    const { tasks, limits, log } = this.#options
    for (const id of await tasks.retry(ids, limits.maxRetry)) {
      this.#observer.event('again')
      log.warn({ task: id }, 'task is tried again')
    }
  }

  async #wait(body: TaskBody, wanted: Wanted, { signal, onSign }: Wait): Promise<WindowPoStOutput> {
    const { clock, log } = this.#options
    for (let isFirstLook = true; ; ) {
      signal.throwIfAborted()
      // Before the look: what happens between look and wait is not to be missed.
      const change = new AbortController()
      const wake = (): void => change.abort()
      wanted.wakers.add(wake)
      try {
        const output = await this.#look(body, isFirstLook)
        if (output !== undefined) return output
        isFirstLook = false
        onSign?.()
        await clock.sleep(LOOK_MS, AbortSignal.any([change.signal, signal])).catch(() => {})
      } catch (error) {
        if (error instanceof TaskFailedError) throw error
        // A database that is away comes back; nothing is lost until then.
        log.error({ task: body.id, err: error }, `the task cannot be looked at: ${errorText(error)}`)
        await clock.sleep(LOOK_MS, signal).catch(() => {})
      } finally {
        wanted.wakers.delete(wake)
      }
    }
  }

  /** The output when there is one that is of use; else it is seen to that there will be. */
  async #look({ id, text }: TaskBody, isFirst: boolean): Promise<WindowPoStOutput | undefined> {
    const { tasks, limits, log } = this.#options
    const found = await tasks.find(id)
    switch (found?.state) {
      case undefined:
        await tasks.add(id, text)
        this.#observer.event('added')
        log.info({ task: id }, 'task added')
        return undefined
      case 'done': {
        if (isFirst && this.#handedOver.delete(id)) {
          log.warn({ task: id, slave: found!.slave }, 'the output of this task was of no use: it is made again')
          this.slaves.failed(found!.slave, id)
          await tasks.renew(id)
          return undefined
        }
        const output = await tasks.outBody(id)
        if (output === undefined) return undefined
        this.#handedOver.add(id)
        return outputOf(output)
      }
      case 'failed':
        // Who asks anew wants it tried anew.
        if (isFirst) await tasks.renew(id)
        else if (found!.retryCount >= limits.maxRetry) {
          this.#observer.event('given_up')
          throw new TaskFailedError(found!)
        }
        return undefined
      default:
        return undefined
    }
  }

  #want({ id, subject, isTrial }: TaskBody): Wanted {
    const wanted = this.#wanted.get(id) ?? {
      subject,
      isTrial,
      waiting: 0,
      since: this.#options.clock.monotonic(),
      wakers: new Set(),
      superseded: new AbortController(),
    }
    wanted.waiting += 1
    this.#wanted.set(id, wanted)
    this.#unwanted.delete(id)
    return wanted
  }

  #forget(id: string): void {
    this.#wanted.delete(id)
    this.#begun.delete(id)
  }

  /**
   * Whoever works on what has to give way is free for this task: the same sectors with another challenge, and trials of any. A trial takes nothing's place.
   */
  async #supersede({ id, subject, isTrial }: TaskBody): Promise<void> {
    if (isTrial) return
    for (const [earlier, wanted] of this.#wanted) {
      if (earlier === id || (!wanted.isTrial && wanted.subject !== subject)) continue
      const reason = wanted.isTrial
        ? `a proof for the chain is wanted, task ${id}: trials give way to it`
        : `the challenge has changed: task ${id} takes its place`
      this.#observer.event(wanted.isTrial ? 'gave_way' : 'superseded')
      this.#options.log.warn({ task: earlier }, reason)
      wanted.superseded.abort(new Error(reason))
      this.#forget(earlier)
      await this.#options.tasks
        .cancel(earlier, this.slaves.present, reason)
        .catch((error: unknown) =>
          this.#options.log.error({ task: earlier, err: error }, `it goes on: ${errorText(error)}`),
        )
    }
  }

  /** Whether nobody has wanted the task for a while; it is given back then. */
  async #givenUp(slave: string, claim: WindowTaskClaim): Promise<boolean> {
    const { clock, tasks, log } = this.#options
    if (this.#wanted.has(claim.id)) return false
    const now = clock.monotonic()
    const since = this.#unwanted.get(claim.id) ?? now
    this.#unwanted.set(claim.id, since)
    if (now - since < UNWANTED_MS) return false
    this.#unwanted.delete(claim.id)
    log.warn({ task: claim.id, slave }, 'nobody wants this task any more: its slave is free for others')
    return tasks.release(slave, claim)
  }

  /** Only as long as somebody else is there to do it: one that is merely slow may yet be done. */
  #hangAfter({ id, slave }: RunningTask): number | undefined {
    const begun = this.#begun.get(id)
    return begun && this.slaves.hasAnother(slave, id) ? this.#hangs.limitMs(begun.partitions) : undefined
  }

  #wake(id: string): void {
    for (const wake of this.#wanted.get(id)?.wakers ?? []) wake()
  }
}

/** Whether a task is still as it was given to a slave. */
const isOf = (task: TaskBrief, slave: string, { retry_count, started_at }: WindowTaskClaim): boolean =>
  task.slave === slave && task.retryCount === retry_count && task.startedAt === started_at && task.state === 'running'

const partitionsOf = ({ replicas, proof_type }: WindowPoStTask): number =>
  Math.ceil(replicas.length / postProof(proof_type).partitionSectors)
