import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { Clock } from '../../kit/clock.js'
import type { JobStateName } from './job-plan.js'
import { StageProgress } from './stage-progress.js'

export type Activity =
  | { readonly kind: 'Idle' }
  | { readonly kind: 'Paused' }
  /** `proc`: display name of the processor at work; null while the thread itself works. */
  | { readonly kind: 'Running'; readonly proc: string | null }
  /** For a limit, a poll, a retry, a seed. */
  | { readonly kind: 'Waiting' }

/** What one sealing thread is doing, for the API and the pings. */
export class ThreadStatus {
  readonly #clock: Clock
  #activity: Activity = { kind: 'Idle' }
  #since: number
  #progress: StageProgress | undefined
  plan: string
  jobId: string | null = null
  jobState: JobStateName | null = null
  jobStage: string | null = null
  lastError: string | null = null
  #managerError: string | null = null

  constructor(clock: Clock, plan: string) {
    this.#clock = clock
    this.#since = clock.monotonic()
    this.plan = plan
  }

  get activity(): Activity {
    return this.#activity
  }

  /** Whole seconds in the present activity. */
  get elapsedSeconds(): number {
    return Math.floor((this.#clock.monotonic() - this.#since) / 1_000)
  }

  set(activity: Activity): void {
    this.#progress = undefined
    this.#activity = activity
    this.#since = this.#clock.monotonic()
  }

  /** Of the running stage, when its processor tells. */
  get progress(): StageProgress | undefined {
    return this.#progress
  }

  /** What comes after the end of the stage is not heard. */
  progressed(progress: Progress): void {
    if (this.#activity.kind !== 'Running' || this.#activity.proc === null) return
    this.#progress ??= new StageProgress(this.#clock)
    this.#progress.told(progress)
  }

  /** Shown until the manager answers again. */
  managerSilent(why: string): void {
    this.lastError = why
    this.#managerError = why
  }

  managerAnswered(): void {
    if (this.lastError === this.#managerError) this.lastError = null
    this.#managerError = null
  }

  clearJob(): void {
    this.jobId = null
    this.jobState = null
    this.jobStage = null
  }
}
