import type { Progress } from '../../../rpc-schema/processor/frames.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../clock.js'
import type { Logger } from '../log.js'
import type { ChildConfig, ChildStage } from './child-config.js'
import { childCommand, childEnvironment, type Place, readyName } from './child-environment.js'
import { type ChildExit, ChildProcess } from './child-process.js'
import { PendingReplies } from './pending-replies.js'
import { describeExit, ProcessorError } from './processor-error.js'
import { Slots, takeAll } from './slots.js'
import { stallLimit } from './stall-limits.js'

/** The pause before a restart: the first one, and the longest that repeated deaths lead to. */
const FIRST_RESTART_MS = 3_000
const LONGEST_RESTART_MS = 60_000
/** A child that lived so long is healthy: its next restart waits only FIRST_RESTART_MS again. */
const HEALTHY_LIFE_MS = 60_000

/** Free capacity of a child without `concurrent` is counted from here. */
const UNLIMITED_CAPACITY = 64

/**
 * | state      | meaning                                                    |
 * |------------|------------------------------------------------------------|
 * | starting   | not ready yet for the first time                           |
 * | ready      | takes tasks                                                |
 * | restarting | died; comes back                                           |
 * | failed     | died and does not come back                                |
 * | closed     | it is being closed, with its daemon                                 |
 */
export type ChildState = 'starting' | 'ready' | 'restarting' | 'failed' | 'closed'

export interface ChildDeps {
  readonly log: Logger
  readonly clock: Clock
  readonly env: NodeJS.ProcessEnv
  /** Path of the script that runs the built-in processors; default: this program's. */
  readonly workerScript?: string | undefined
  /** Where the process is put. */
  readonly placement: Place
  /** Is told of restarts, for metrics. */
  readonly observer: { childRestarted(stage: string): void }
  /** The longest line that a child may write; default: what a string can hold. */
  readonly maxLineBytes?: number | undefined
  /** Called when the child can take tasks again, or when it will not for now. */
  onChange(): void
}

/** One `[[processors.<stage>]]` entry: keeps its process alive and passes tasks to it. */
export class Child {
  readonly config: ChildConfig
  /** Its own slot limit and its locks: all are taken for a task, together. */
  readonly needs: readonly Slots[]
  readonly #stage: ChildStage
  readonly #index: number
  readonly #deps: ChildDeps
  readonly #pending: PendingReplies
  readonly #closing = new AbortController()
  #state: ChildState = 'starting'
  #load = 0
  #process: ChildProcess | undefined
  #failure: ProcessorError | undefined
  #life: Promise<void> = Promise.resolve()
  /** Resolves when what the last process had for its placement is given back. */
  #displaced: Promise<void> = Promise.resolve()

  constructor(stage: ChildStage, index: number, config: ChildConfig, locks: readonly Slots[], deps: ChildDeps) {
    this.config = config
    this.needs = config.concurrent === undefined ? locks : [new Slots(config.concurrent), ...locks]
    this.#stage = stage
    this.#index = index
    this.#deps = deps
    this.#pending = new PendingReplies(stage, deps)
  }

  get state(): ChildState {
    return this.#state === 'ready' && this.#process!.dying ? 'restarting' : this.#state
  }

  /** Why the child cannot be used, when it is known that it cannot: it is given up, or its last restart failed. */
  get failure(): ProcessorError | undefined {
    return this.#state === 'ready' ? undefined : this.#failure
  }

  /** Ready, with a free slot and all locks free. */
  get free(): boolean {
    return this.state === 'ready' && this.needs.every(slots => slots.free > 0)
  }

  get freeCapacity(): number {
    return (this.config.concurrent ?? UNLIMITED_CAPACITY) - this.#load
  }

  get name(): string {
    return this.#process?.name ?? 'ext'
  }

  /** Starts the process; rejects with a ProcessorError when it does not become ready. */
  async start(): Promise<void> {
    const process = await this.#spawn()
    this.#life = this.#keepAlive(process)
  }

  /** Takes slot and locks for one task. Only when the child is free. */
  take(): void {
    takeAll(this.needs)
    this.#load += 1
  }

  giveBack(): void {
    for (const slots of this.needs) slots.giveBack()
    this.#load -= 1
  }

  /** Only between `take` and `giveBack`. */
  request(task: unknown, onProgress?: (progress: Progress) => void): Promise<unknown> {
    return this.#pending.request(this.#process!, task, {
      stallLimit: stallLimit(this.#stage, this.config),
      lossClass: this.#lossClass,
      onProgress,
    })
  }

  /** Ends the process, with all that is in it, for a reason that those who lose their tasks are told; it comes back as after any death. */
  kill(reason: string): void {
    this.#process?.kill(reason)
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#failure = new ProcessorError('closed', 'temporary', 'its processors are being closed', {
      stage: this.#stage,
      processor: this.name,
    })
    this.#closing.abort()
    this.#pending.failAll(this.#failure)
    this.#deps.onChange()
    await this.#process?.stop()
    await this.#life
    await this.#displaced
  }

  /** A child that comes back may be given the same task again. */
  get #lossClass(): 'temporary' | 'permanent' {
    return this.config.autoRestart ? 'temporary' : 'permanent'
  }

  async #spawn(): Promise<ChildProcess> {
    const { log, clock, workerScript, placement, maxLineBytes } = this.#deps
    const stage = this.#stage
    await this.#displaced
    const command = childCommand(stage, this.config, workerScript)
    const env = childEnvironment(stage, this.#index, this.config, this.#deps.env)
    const { release, ...placed } = await placement.place(stage, this.#index, this.config, command, env)
    const process = await ChildProcess.spawn({
      ...placed,
      program: command.bin,
      stage,
      readyName: readyName(stage),
      env,
      stableWaitMs: this.config.stableWaitMs,
      maxLineBytes,
      log: log.child({ stage, child: this.#index }),
      clock,
      onLine: (line, from) => this.#pending.receive(line, from.pid),
    }).catch(async (error: unknown) => {
      await release()
      throw error
    })
    this.#displaced = process.exited.then(release)
    this.#process = process
    if (this.#closing.signal.aborted) void process.stop()
    await process.ready
    log.info({ stage, child: this.#index, pid: process.pid }, 'processor ready')
    this.#enter('ready')
    return process
  }

  async #keepAlive(process: ChildProcess): Promise<void> {
    const { clock, log } = this.#deps
    let delayMs = FIRST_RESTART_MS
    for (;;) {
      const readyAt = clock.monotonic()
      const exit = await process.exited
      if (this.#state === 'closed') return
      if (clock.monotonic() - readyAt >= HEALTHY_LIFE_MS) delayMs = FIRST_RESTART_MS
      this.#bury(process, exit, delayMs)
      if (!this.config.autoRestart) return

      let next: ChildProcess | undefined
      while (next === undefined) {
        await clock.sleep(delayMs, this.#closing.signal).catch(() => {})
        if (this.#closing.signal.aborted) return
        delayMs = Math.min(delayMs * 2, LONGEST_RESTART_MS)
        try {
          next = await this.#spawn()
          this.#deps.observer.childRestarted(this.#stage)
        } catch (error) {
          if (this.#closing.signal.aborted) return
          this.#failure = restartFailure(this.#stage, error)
          log.error(
            { err: error, stage: this.#stage, child: this.#index, nextTryMs: delayMs },
            'processor restart failed',
          )
          this.#deps.onChange()
        }
      }
      process = next
    }
  }

  /** Fails what was in the process when it died. */
  #bury(process: ChildProcess, exit: ChildExit, restartMs: number): void {
    const restart = this.config.autoRestart
    const error = new ProcessorError(
      'died',
      this.#lossClass,
      `child process exited: ${this.#stage}: ${process.name}: ${describeExit(exit)}`,
      { stage: this.#stage, processor: process.name, ...exit },
    )
    this.#deps.log.error(
      { stage: this.#stage, child: this.#index, pid: process.pid, ...exit, inFlight: this.#pending.size },
      restart ? `processor exited, restart in ${restartMs} ms` : 'processor exited',
    )
    this.#failure = restart ? undefined : error
    this.#pending.failAll(error)
    this.#enter(restart ? 'restarting' : 'failed')
  }

  #enter(state: ChildState): void {
    if (this.#state === 'closed') return
    this.#state = state
    if (state === 'ready') this.#failure = undefined
    this.#deps.onChange()
  }
}

function restartFailure(stage: string, cause: unknown): ProcessorError {
  const details = cause instanceof ProcessorError ? cause : undefined
  return new ProcessorError('startup', 'temporary', `the ${stage} processor cannot be restarted`, {
    stage,
    processor: details?.processor ?? 'ext',
    exitCode: details?.exitCode,
    exitSignal: details?.exitSignal,
    lastStderr: details?.lastStderr,
    cause: details ?? errorText(cause),
  })
}
