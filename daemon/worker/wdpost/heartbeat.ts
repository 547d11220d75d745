import { errorText } from '../../../rpc-schema/seal-error.js'
import { callManager, ManagerUnreachable } from '../engine/failure.js'
import type { JobContext } from '../engine/job-plan.js'

export const HEARTBEAT_MS = 3_000

/**
 * Refusals in a row after which a job counts as lost. The manager has no code for "not yours any more", and a refusal may pass: a job
 * that timed out is ready again after 10 s, and then a heartbeat takes it back. These are the 15 s of the manager's default timeout.
 */
const MOST_REFUSALS = 5

/** Tells the manager that a worker is at a job, from now on until it is stopped. */
export class Heartbeat {
  readonly #id: string
  readonly #context: JobContext
  readonly #stopped = new AbortController()
  readonly #lost = new AbortController()

  constructor(id: string, context: JobContext) {
    this.#id = id
    this.#context = context
    void this.#beat()
  }

  /** Aborts when the manager does not take this worker to be at the job any more. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #beat(): Promise<void> {
    const { environment, clock, log, instance } = this.#context
    for (let refusals = 0; refusals < MOST_REFUSALS; ) {
      try {
        await clock.sleep(HEARTBEAT_MS, this.#stopped.signal)
      } catch {
        return
      }
      try {
        await callManager(environment.manager.WdPoStHeartbeatJobs([this.#id], instance))
        refusals = 0
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        if (!(error instanceof ManagerUnreachable)) refusals += 1
        log.warn({ err: error, job: this.#id }, `heartbeat of the job: ${errorText(error)}`)
      }
    }
    this.#lost.abort()
  }
}
