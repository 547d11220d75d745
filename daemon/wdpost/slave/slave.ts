import type { WindowPoStOutput } from '../../../rpc-schema/processor/post.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { GivenWindowTask, WindowTaskClaim, windowTaskService } from '../../../rpc-schema/wdpost/index.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { WindowProcessor } from './window-processes.js'

export interface SlaveOptions {
  readonly name: string
  readonly master: Client<typeof windowTaskService.methods>
  readonly processor: Pick<WindowProcessor, 'available' | 'prove'>
  /** Tasks at the same time. */
  readonly concurrent: number
  /** Those it can prove; null: all. */
  readonly sectorSizes: readonly number[] | null
  readonly pullMs: number
  readonly reconnectMs: number
  readonly heartbeatMs: number
  readonly clock: Clock
  readonly log: Logger
}

/** Takes tasks from a master, proves them, and sees to it that every outcome arrives. */
export class Slave {
  readonly #options: SlaveOptions
  readonly #stopping = new AbortController()
  readonly #held = new Map<WindowTaskClaim, AbortController>()
  #isAway = false

  constructor(options: SlaveOptions) {
    this.#options = options
  }

  /** Ends when it is stopped. */
  async run(): Promise<void> {
    const lanes = Array.from({ length: this.#options.concurrent }, () => this.#work())
    await Promise.all([...lanes, this.#tellThatAlive()])
  }

  /** Takes no more tasks; what is being proven is given back. */
  stop(): void {
    this.#stopping.abort(new Error('the slave stops'))
  }

  async #work(): Promise<void> {
    const { master, name, sectorSizes, pullMs } = this.#options
    while (!this.#isStopping) {
      // A task that cannot be worked on would only lose one of its attempts here.
      if (!(await this.#canProve())) {
        await this.#pause(pullMs)
        continue
      }
      const given = await this.#untilAnswered(() => master.Claim(name, sectorSizes && [...sectorSizes]))
      if (given === undefined) return
      if (given === null) await this.#pause(pullMs)
      else await this.#prove(given)
    }
  }

  async #canProve(): Promise<boolean> {
    const { processor, log } = this.#options
    try {
      await processor.available(this.#stopping.signal)
      return true
    } catch (error) {
      if (!this.#isStopping) log.error({ err: error }, `no tasks are taken: ${errorText(error)}`)
      return false
    }
  }

  async #prove({ claim, task }: GivenWindowTask): Promise<void> {
    const { processor, master, name, clock, log } = this.#options
    const { id } = claim
    const lost = new AbortController()
    this.#held.set(claim, lost)
    log.info(
      { task: id, miner: task.miner_id, sectors: task.replicas.length, retry: claim.retry_count },
      `got task: ${id}`,
    )
    const startedAt = clock.monotonic()
    const took = (): number => Math.round(clock.monotonic() - startedAt)
    try {
      const output = await processor.prove(task, AbortSignal.any([lost.signal, this.#stopping.signal]))
      if (output.proofs.length === 0 && output.faults.length === 0)
        throw new Error('the processor gave neither a proof nor a faulty sector')
      await this.#deliver(claim, output, took())
    } catch (error) {
      if (lost.signal.aborted) log.warn({ task: id, tookMs: took() }, `slave: task: ${id} is not ours any more`)
      else if (this.#isStopping) await this.#giveBack(claim)
      else {
        const reason = errorText(error)
        const isOurs = await this.#untilAnswered(() => master.Fail(name, claim, reason))
        log.error({ task: id, tookMs: took(), isOurs, err: error }, `slave: task: ${id} failed: ${reason}`)
      }
    } finally {
      this.#held.delete(claim)
    }
  }

  async #deliver(claim: WindowTaskClaim, output: WindowPoStOutput, tookMs: number): Promise<void> {
    const { master, name, log } = this.#options
    const outcome = await this.#untilAnswered(() => master.Complete(name, claim, output))
    const { faults } = output
    log.info(
      { task: claim.id, outcome: outcome ?? 'not told', faults, tookMs },
      `slave: task: ${claim.id} ${faults.length > 0 ? 'has faulty sectors' : 'is proven'}`,
    )
  }

  async #giveBack(claim: WindowTaskClaim): Promise<void> {
    const { master, name, log } = this.#options
    await master
      .Release(name, claim)
      .then(() => log.info({ task: claim.id }, `slave: task: ${claim.id} is given back`))
      .catch((error: unknown) =>
        log.warn(
          { task: claim.id, err: error },
          `slave: task: ${claim.id} is left, not given back: ${errorText(error)}`,
        ),
      )
  }

  async #tellThatAlive(): Promise<void> {
    const { master, name, heartbeatMs, log } = this.#options
    while (!this.#isStopping) {
      // Only those that were asked about: the same task may be ours again by now, under another claim.
      const asked = [...this.#held]
      try {
        const claims = asked.map(([claim]) => claim)
        const lost = claims.length === 0 ? [] : await master.Heartbeat(name, claims)
        for (const [, abort] of asked.filter(([{ id }]) => lost.includes(id)))
          abort.abort(new Error('the task was given to another slave, or nobody wants it any more'))
      } catch (error) {
        log.warn({ err: error }, `the master does not hear that this slave is alive: ${errorText(error)}`)
      }
      await this.#pause(heartbeatMs)
    }
  }

  /** Asked once at least; undefined when this slave is stopped before there is an answer. */
  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const { log, reconnectMs } = this.#options
    do {
      try {
        const answer = await ask()
        if (this.#isAway) log.info('the master answers again')
        this.#isAway = false
        return answer
      } catch (error) {
        if (!this.#isAway) log.warn({ err: error }, `the master does not answer, trying again: ${errorText(error)}`)
        this.#isAway = true
        await this.#pause(reconnectMs)
      }
    } while (!this.#isStopping)
    return undefined
  }

  #pause(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms, this.#stopping.signal).catch(() => {})
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }
}
