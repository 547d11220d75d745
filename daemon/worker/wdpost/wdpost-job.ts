import type { WdPoStAllocatedJob, WindowPoStOutput } from '../../../rpc-schema/manager/wdpost-job.js'
import type { StageTask } from '../../../rpc-schema/processor/stages.js'
import { errorText, SealError } from '../../../rpc-schema/seal-error.js'
import type { WdPoStStateName } from '../../../rpc-schema/worker/sector-states.js'
import { classified, failureText, Interrupt, ManagerUnreachable } from '../engine/failure.js'
import type { Job, JobContext } from '../engine/job-plan.js'
import { ThreadWork } from '../engine/thread-work.js'
import { HEARTBEAT_MS, Heartbeat } from './heartbeat.js'
import { withVanillas } from './prove-part.js'
import { readPart } from './read-part.js'
import { windowPoStTask } from './replicas.js'

/** What came of the proving: a failure is a result too. */
interface Result {
  readonly output: WindowPoStOutput | null
  /** Empty when there is an output. */
  readonly reason: string
}

interface StepParts {
  readonly job: WdPoStAllocatedJob
  readonly result: Result | undefined
  readonly context: JobContext
  readonly work: ThreadWork
  readonly lost: AbortSignal
  /** A pause, a stop, or that the job is not ours any more. */
  readonly interrupt: AbortSignal
}

interface StepOutcome {
  readonly event: string
  readonly result?: Result
}

interface JobState {
  readonly stage: string
  readonly step: (parts: StepParts) => Promise<StepOutcome>
  readonly on: Readonly<Record<string, WdPoStStateName>>
}

// biome-ignore format: a table
const STATES: { readonly [S in WdPoStStateName]?: JobState } = {
  //           stage shown           step          event → next state
  Allocated: { stage: 'Generate',    step: prove,  on: { Generate: 'Generated' } },
  Generated: { stage: 'SubmitProof', step: submit, on: { Finish: 'Finished', Abort: 'Aborted' } },
}

/**
 * A window PoSt job, from being taken to being handed in. While it is worked off, heartbeats keep it ours. A pause gives it back when
 * there is no proof yet; a proof is kept, and handed in when the thread goes on.
 */
export class WdPoStJob implements Job {
  readonly #job: WdPoStAllocatedJob
  #state: WdPoStStateName = 'Allocated'
  #result: Result | undefined

  constructor(job: WdPoStAllocatedJob) {
    this.#job = job
  }

  get over(): boolean {
    return STATES[this.#state] === undefined
  }

  /** Parts are many and short: who has done one asks for the next at once. */
  get hurries(): boolean {
    const isPart = this.#job.Read !== undefined || this.#job.Prove !== undefined
    return isPart && this.#state === 'Finished' && this.#result?.output !== null
  }

  async run(context: JobContext): Promise<void> {
    const heartbeat = new Heartbeat(this.#job.Id, context)
    const { interrupt, abandon } = context.signals
    const { lost } = heartbeat
    const ends = AbortSignal.any([interrupt, lost])
    const work = new ThreadWork({ ...context, signals: { interrupt: ends, abandon } })
    try {
      for (let row = this.#publish(context); row !== undefined; row = this.#publish(context)) {
        const parts = { job: this.#job, result: this.#result, context, work, lost, interrupt: ends }
        const { event, result } = await row.step(parts)
        this.#result = result ?? this.#result
        this.#enter(row.on[event]!, context)
      }
    } catch (error) {
      if (!(error instanceof Interrupt)) throw error
      await this.#interrupted(context, lost)
    } finally {
      heartbeat.stop()
    }
  }

  async giveUp(context: JobContext, reason: string): Promise<void> {
    this.#publish(context)
    await this.#giveBack(context, reason)
  }

  #publish({ status }: JobContext): JobState | undefined {
    const row = STATES[this.#state]
    status.plan = 'wdpost'
    status.jobId = this.#job.Id
    status.jobState = this.#state
    status.jobStage = row === undefined ? null : row.stage === 'Generate' && this.#job.Read ? 'Read' : row.stage
    return row
  }

  #enter(next: WdPoStStateName, { log }: JobContext): void {
    log.info({ job: this.#job.Id, prev: this.#state, state: next }, 'state changed')
    this.#state = next
  }

  /** Throws the Interrupt on, unless it was the manager who took the job away. */
  async #interrupted(context: JobContext, lost: AbortSignal): Promise<void> {
    const { log, signals } = context
    const job = this.#job.Id
    if (!signals.interrupt.aborted && lost.aborted) {
      log.warn({ job }, 'the manager does not count this job as ours any more: it is dropped')
      this.#enter('Aborted', context)
      return
    }
    if (this.#state === 'Generated') {
      log.warn(
        { job },
        'a window PoSt is made and not handed in: it is kept while the thread is paused, and lost by a stop',
      )
    } else if (signals.abandon.aborted) this.#enter('Aborted', context)
    else await this.#giveBack(context, 'the worker was told to pause or to stop before the proof was made')
    throw new Interrupt()
  }

  /** Lets the manager give the job to another at once, instead of waiting for our heartbeats. */
  async #giveBack(context: JobContext, reason: string): Promise<void> {
    try {
      const { manager } = context.environment
      await new ThreadWork(context).call(manager.WdPoStFinishJob(this.#job.Id, null, reason))
    } catch (error) {
      context.log.warn({ err: error, job: this.#job.Id }, `cannot give the job back: ${errorText(error)}`)
    }
    this.#enter('Aborted', context)
  }
}

/** A failure is a result too: the manager is told of it. */
async function prove(parts: StepParts): Promise<StepOutcome> {
  const { job, context } = parts
  const { status, log } = context
  try {
    const result = await (job.Read === undefined ? proven(parts) : read(parts))
    status.lastError = result.reason === '' ? null : `temporary: ${result.reason}`
    return { event: 'Generate', result }
  } catch (error) {
    if (error instanceof Interrupt) throw error
    const failure = classified(error)
    log.error({ err: failure, job: job.Id }, `window PoSt failed: ${errorText(failure)}`)
    status.lastError = failureText(failure)
    return { event: 'Generate', result: { output: null, reason: errorText(error) } }
  }
}

async function proven(parts: StepParts): Promise<Result> {
  const { job, context, work } = parts
  const run = (task: StageTask<'window_post'>) =>
    work.limited('window_post', () => work.runStage('window_post', task, job.Id))
  const output =
    job.Prove === undefined
      ? await run(windowPoStTask(job.Input, context.environment.stores))
      : await unlessInterrupted(parts, signal => withVanillas(job, context, signal, run))
  if (output.proofs.length === 0 && output.faults.length === 0) {
    throw new SealError('permanent', 'the window_post processor gave neither a proof nor faults')
  }
  context.log.info({ job: job.Id, proofs: output.proofs.length, faults: output.faults }, 'window PoSt made')
  return { output, reason: '' }
}

const read = (parts: StepParts): Promise<Result> =>
  parts.work.busy('window reads', abandon =>
    unlessInterrupted(parts, interrupt => readPart(parts.job, parts.context, AbortSignal.any([interrupt, abandon]))),
  )

/** What an interrupt ends is no failure of the job. */
async function unlessInterrupted<T>({ interrupt }: StepParts, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await work(interrupt)
  } catch (error) {
    throw interrupt.aborted ? new Interrupt() : error
  }
}

/**
 * A manager that is away is asked on and on: the proof counts for as long as the deadline is open, which only the manager knows. At
 * least one attempt is made whatever happens meanwhile, except that a late failure must not overwrite what another worker found.
 */
async function submit({ job, result, context, work, lost }: StepParts): Promise<StepOutcome> {
  const { config, environment, log, status } = context
  const { output, reason } = result!
  for (let refusals = 0; ; ) {
    if (lost.aborted && output === null) return { event: 'Abort' }
    try {
      await work.call(environment.manager.WdPoStFinishJob(job.Id, output, reason))
      return { event: 'Finish' }
    } catch (error) {
      if (error instanceof Interrupt || !(error instanceof SealError)) throw error
      const away = error instanceof ManagerUnreachable
      if (away) status.managerSilent(failureText(error))
      else refusals += 1
      log.warn({ err: error, job: job.Id }, `cannot hand in the window PoSt: ${errorText(error)}`)
      if (refusals > config.maxRetries) {
        status.lastError = failureText(error)
        log.error({ err: error, job: job.Id }, `window PoSt given up: refused ${refusals} times`)
        return { event: 'Abort' }
      }
      await work.wait(away ? Math.min(HEARTBEAT_MS, config.recoverIntervalMs) : config.recoverIntervalMs)
    }
  }
}
