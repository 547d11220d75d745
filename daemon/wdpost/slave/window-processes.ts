import { z } from 'zod'
import { WindowPoStOutput, WindowPoStTask } from '../../../rpc-schema/processor/post.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { Admission } from '../../kit/processors/admission.js'
import { Child } from '../../kit/processors/child.js'
import { type ChildConfig, DEFAULT_CHILD } from '../../kit/processors/child-config.js'
import { ANYWHERE } from '../../kit/processors/child-environment.js'
import { ChildGroup } from '../../kit/processors/child-group.js'
import { PostingMarks } from '../../kit/processors/posting-marks.js'
import { urgencyOf } from '../../kit/processors/urgency.js'
import type { SlaveConfig } from './slave-config.js'

const STAGE = 'window_post'

/** Makes the proofs of a slave. */
export interface WindowProcessor {
  /** Resolves when it can be asked. */
  start(): Promise<void>
  /** Resolves when a proof could begin at once; rejects when none of the processes can be started. */
  available(signal: AbortSignal): Promise<void>
  /** When the signal aborts, the work is ended and not only given up. */
  prove(task: WindowPoStTask, signal: AbortSignal): Promise<WindowPoStOutput>
  close(): Promise<void>
}

/** As many processes as there are tasks at the same time: each can be killed without the others' tasks. */
export class WindowProcesses implements WindowProcessor {
  readonly #children: readonly Child[]
  readonly #group: ChildGroup
  readonly #marks: PostingMarks

  constructor({ slave, processor }: SlaveConfig, clock: Clock, log: Logger, marks = new PostingMarks(log)) {
    this.#marks = marks
    const admission = new Admission()
    const config: ChildConfig = {
      ...DEFAULT_CHILD,
      ...(processor.bin !== undefined && { bin: processor.bin, args: processor.args }),
      envs: processor.envs,
      concurrent: 1,
      stableWaitMs: processor.ready_timeout,
      stallLimitMs: processor.stall_timeout,
    }
    this.#children = Array.from(
      { length: slave.concurrent },
      (_, index) =>
        new Child(STAGE, index, config, [], {
          log,
          clock,
          env: process.env,
          placement: ANYWHERE,
          observer: { childRestarted: () => {} },
          onChange: () => admission.retry(),
        }),
    )
    this.#group = new ChildGroup(this.#children, admission, Math.random, urgencyOf(STAGE))
  }

  async start(): Promise<void> {
    await Promise.all(this.#children.map(child => child.start()))
  }

  async available(signal: AbortSignal): Promise<void> {
    const grant = await this.#group.acquire(signal)
    grant.release()
  }

  async prove(task: WindowPoStTask, signal: AbortSignal): Promise<WindowPoStOutput> {
    const grant = await this.#group.acquire(signal)
    const end = (): void => grant.kill('its task is not wanted any more')
    signal.addEventListener('abort', end, { once: true })
    try {
      const encoded = z.encode(WindowPoStTask, task)
      return z.decode(WindowPoStOutput, (await this.#marks.during(() => grant.request(encoded))) as never)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', end)
      grant.release()
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(child => child.close()))
  }
}
