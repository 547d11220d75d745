import { z } from 'zod'
import { WindowPoStOutput, type WindowPoStTask, WinningPoStOutput } from '../../../../../rpc-schema/processor/post.js'
import { STAGES } from '../../../../../rpc-schema/processor/stages.js'
import { errorText } from '../../../../../rpc-schema/seal-error.js'
import type { Clock } from '../../../../kit/clock.js'
import type { Logger } from '../../../../kit/log.js'
import { Admission } from '../../../../kit/processors/admission.js'
import { Child } from '../../../../kit/processors/child.js'
import type { ChildConfig } from '../../../../kit/processors/child-config.js'
import { ANYWHERE } from '../../../../kit/processors/child-environment.js'
import { type ChildGrant, ChildGroup } from '../../../../kit/processors/child-group.js'
import { HangRule } from '../../../../kit/processors/hang-rule.js'
import { ProcessorError } from '../../../../kit/processors/processor-error.js'
import { urgencyOf } from '../../../../kit/processors/urgency.js'

const OUTPUTS = { window_post: WindowPoStOutput, winning_post: WinningPoStOutput } as const
export type ProofStage = keyof typeof OUTPUTS
type Output<S extends ProofStage> = z.output<(typeof OUTPUTS)[S]>

export interface ProofChildrenOptions {
  readonly children: readonly ChildConfig[]
  readonly clock: Clock
  readonly log: Logger
  /** Default: of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** 0 ≤ x < 1, for the choice by weight. */
  readonly random?: () => number
}

export interface Question {
  readonly task: WindowPoStTask
  /** Partitions: what the time that a proof takes goes by. */
  readonly size: number
  /** Until nobody wants the proof any more, ms; undefined: not known. */
  readonly leftMs: number | undefined
}

/** Lives of children that one task may cost: then the task itself is suspect, and whoever wants the proof has to find out which sector it is. */
const MOST_LOSSES = 2
/** Between two looks at children of which none can be started. */
const LOOK_AGAIN_MS = 3_000
/** The part of the time that is left after which another child is asked as well. */
const PATIENT_SHARE = 0.5

/**
 * The processes that make proofs of one kind. Each comes back after its death, and its tasks go to those that are there. One that does not answer is not
 * waited for alone: after half of the time another is asked as well, and the first answer counts.
 */
export class ProofChildren<S extends ProofStage> {
  readonly #stage: S
  readonly #options: ProofChildrenOptions
  readonly #children: readonly Child[]
  readonly #group: ChildGroup
  readonly #hangs = new HangRule()
  /** How many answers of each child somebody waits for. */
  readonly #wanted = new Map<Child, number>()
  #closed = false

  constructor(stage: S, options: ProofChildrenOptions) {
    const { children, clock, log, env = process.env, random = Math.random } = options
    const admission = new Admission()
    this.#stage = stage
    this.#options = options
    this.#children = children.map(
      (config, index) =>
        new Child(stage, index, config, [], {
          log,
          clock,
          env,
          placement: ANYWHERE,
          observer: { childRestarted: () => {} },
          onChange: () => admission.retry(),
        }),
    )
    this.#group = new ChildGroup(this.#children, admission, random, urgencyOf(stage))
  }

  /** All say that they are ready; rejects, and none is left, when one does not. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#children.map(child => child.start()))
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Rejects with a ProcessorError when there is no answer, with the signal's reason when it aborts first. */
  async ask(question: Question, signal: AbortSignal): Promise<Output<S>> {
    const { clock, log } = this.#options
    const encoded = z.encode(STAGES[this.#stage].task, question.task)
    const until = question.leftMs === undefined ? undefined : clock.monotonic() + question.leftMs
    for (let losses = 0; ; ) {
      signal.throwIfAborted()
      try {
        const left = until === undefined ? undefined : until - clock.monotonic()
        return await this.#firstAnswer(encoded, { ...question, leftMs: left }, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (this.#closed || !(error instanceof ProcessorError)) throw error
        if (error.code === 'startup') {
          log.warn({ stage: this.#stage, err: error }, `no process can be asked, looking again: ${errorText(error)}`)
          await clock.sleep(LOOK_AGAIN_MS, signal)
        } else if ((error.code === 'died' || error.code === 'stalled') && losses < MOST_LOSSES) {
          losses += 1
          log.warn({ stage: this.#stage, losses, err: error }, `a proof was lost with its process: ${errorText(error)}`)
        } else throw error
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#children.map(child => child.close()))
  }

  async #firstAnswer(encoded: unknown, question: Question, given: AbortSignal): Promise<Output<S>> {
    const { clock, log } = this.#options
    const { leftMs } = question
    const answered = new AbortController()
    const signal = AbortSignal.any([given, answered.signal])
    const asked = new Set<Child>()
    const ended = new AbortController()
    const first = this.#answer(encoded, question, asked, signal).finally(() => ended.abort())
    const second = async (): Promise<Output<S>> => {
      if (leftMs === undefined || this.#children.length < 2) return await first
      await clock.sleep(leftMs * PATIENT_SHARE, AbortSignal.any([signal, ended.signal]))
      // Nobody was free so far: a second place in the queue makes no difference.
      if (asked.size === 0) return await first
      log.warn({ stage: this.#stage, leftMs: leftMs * (1 - PATIENT_SHARE) }, 'no proof yet: another process is asked')
      return await this.#answer(encoded, { ...question, leftMs: leftMs * (1 - PATIENT_SHARE) }, asked, signal)
    }
    try {
      return await Promise.any([first, second()])
    } catch (error) {
      throw (error as AggregateError).errors[0]
    } finally {
      answered.abort(new Error('another process has answered'))
    }
  }

  /** By one child, none of those in `asked`, to which it is added. */
  async #answer(encoded: unknown, question: Question, asked: Set<Child>, signal: AbortSignal): Promise<Output<S>> {
    const { clock } = this.#options
    const grant = await this.#group.acquire(signal, asked)
    asked.add(grant.child)
    const startedAt = clock.monotonic()
    const watch = this.#watch(grant, question)
    let isOpen = true
    const work = grant.request(encoded, watch.sign).finally(() => {
      isOpen = false
      watch.stop()
      grant.release()
    })
    this.#want(grant.child, 1)
    try {
      const answer = await abandonable(work, signal)
      const output = z.safeDecode(OUTPUTS[this.#stage], answer as never)
      if (!output.success)
        throw new ProcessorError(
          'garbled',
          'permanent',
          `the ${this.#stage} processor ${grant.name} answered with something else than its output: ${z.prettifyError(output.error)}`,
          { stage: this.#stage, processor: grant.name },
        )
      this.#hangs.note(question.size, clock.monotonic() - startedAt)
      return output.data as Output<S>
    } finally {
      this.#want(grant.child, -1)
      // It cannot be told to stop: with nothing else to do, it is free for the next deadline only by its death.
      if (isOpen && this.#wanted.get(grant.child) === 0) grant.kill('nobody waits for its answer any more')
    }
  }

  #want(child: Child, change: 1 | -1): void {
    this.#wanted.set(child, (this.#wanted.get(child) ?? 0) + change)
  }

  /** Kills the child when it takes far longer than it ever did, with time left for another try. One with several tasks at a time may let them wait. */
  #watch({ child, kill }: ChildGrant, { size, leftMs }: Question): { sign(): void; stop(): void } {
    const { clock, log } = this.#options
    const limitMs = child.config.concurrent === 1 ? this.#hangs.limitMs(size) : undefined
    if (limitMs === undefined) return { sign: () => {}, stop: () => {} }
    const startedAt = clock.monotonic()
    const stopped = new AbortController()
    let lastSignAt = startedAt
    const watching = async (): Promise<void> => {
      for (let rest = limitMs; rest > 0; rest = lastSignAt + limitMs - clock.monotonic())
        await clock.sleep(rest, stopped.signal)
      if (leftMs !== undefined && !this.#hangs.isWorthwhile(size, startedAt + leftMs - clock.monotonic())) return
      log.error({ stage: this.#stage, limitMs }, 'a proof takes far longer than all before it: its process is killed')
      kill(`no answer within ${Math.round(limitMs / 1_000)} s, three times what its proofs took`)
    }
    watching().catch(() => {})
    return {
      sign: () => {
        lastSignAt = clock.monotonic()
      },
      stop: () => stopped.abort(),
    }
  }
}

/** The work's own result, or the signal's reason as soon as it aborts; the work goes on unheard. */
async function abandonable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
