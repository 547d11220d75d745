import type { ProverMethod, ProverRequest, ProverResult, RunningCall } from '../prover/calls.js'
import { createProverPool, type ProverPool } from '../prover/pool.js'
import { prover } from '../prover/prover.js'
import type { StageProver } from './stage-context.js'

/** What may run at once when the caller sets no limit of its own. */
const MOST_THREADS = 64

/**
 * As many threads for the proofs as were ever needed at once, each started when it is needed first and kept from then on. The thread
 * that was used last is used next. How much should run at once is decided by limits and by what a parent sends; beyond `most`, calls wait.
 */
export class WarmProver implements StageProver {
  readonly #most: number
  readonly #idle: ProverPool[] = []
  readonly #all: ProverPool[] = []
  readonly #waiting: ((thread: ProverPool) => void)[] = []
  #closed = false

  constructor(most = MOST_THREADS) {
    this.#most = most
  }

  get threads(): number {
    return this.#all.length
  }

  async call<M extends ProverMethod>(method: M, request: ProverRequest<M>): Promise<ProverResult<M>> {
    const thread = await this.#take()
    try {
      return await thread.call(method, request)
    } finally {
      this.#giveBack(thread)
    }
  }

  /** Asked on this thread, which has to wait for nothing: a thread of its own would have to be started for it. */
  running(): readonly RunningCall[] {
    return prover.runningCalls({})
  }

  /** Waits for the calls that run. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#all.map(thread => thread.close()))
  }

  async #take(): Promise<ProverPool> {
    if (this.#closed) throw new Error('the prover is closed')
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#all.length >= this.#most) return await new Promise(resolve => this.#waiting.push(resolve))
    const thread = createProverPool({ threads: 1 })
    this.#all.push(thread)
    return thread
  }

  #giveBack(thread: ProverPool): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(thread)
    else next(thread)
  }
}
