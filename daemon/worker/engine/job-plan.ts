import type { SectorStateName, WdPoStStateName } from '../../../rpc-schema/worker/sector-states.js'
import type { Logger } from '../../kit/log.js'
import type { SealingConfig } from '../config/sealing-config.js'
import type { WindowReads } from '../wdpost/reading/window-reads.js'
import type { PlanEnvironment } from './plan.js'
import type { ThreadWorkParts } from './thread-work.js'

/** What the thread knows of the sector or job it is at. */
export type JobStateName = SectorStateName | WdPoStStateName

/** What the configuration gives to every job of this worker. */
export interface JobEnvironment extends PlanEnvironment {
  /** Reads sectors for windows that are proven elsewhere. */
  readonly windowReads: WindowReads
}

/** What a plan for jobs works with, as long as the thread is neither paused nor stopped. */
export interface JobContext extends ThreadWorkParts {
  readonly environment: JobEnvironment
  readonly config: SealingConfig
  readonly log: Logger
  /** The worker's name. */
  readonly instance: string
}

/**
 * A job that lives in memory, in the hands of one thread. It survives a pause of the thread (then `run` throws an Interrupt and is
 * called again later), and nothing else.
 */
export interface Job {
  /** Nothing of it is left to do. */
  readonly over: boolean
  /** The next one is asked for without the pause between two tasks. */
  readonly hurries?: boolean
  /** Returns when nothing of the job is left to do, well ended or not. Throws what must pause the thread. */
  run(context: JobContext): Promise<void>
  /** Someone decided that it is not to be worked off. */
  giveUp(context: JobContext, reason: string): Promise<void>
}

/** A plan whose work are jobs in memory: it needs no sealing store. */
export interface JobPlan {
  readonly name: string
  /** Asks for a job; undefined when there is none now. */
  take(context: JobContext): Promise<Job | undefined>
}
