import type { Clock } from '../../../kit/clock.js'
import type { PartitionOfDeadline } from '../being-proven.js'
import type { ProofProgress, WindowProofRequest, WindowProofResult, WindowProver } from '../window-prover.js'

export interface TrialGuardOptions {
  readonly prover: WindowProver
  /** Whether any manager of the database is at a partition, for the chain. */
  readonly beingProven: (partition: PartitionOfDeadline) => Promise<boolean>
  readonly clock: Clock
  /** A trial that has not given way to a proof for the chain by then is ended, ms. Absent: the prover sees to it. */
  readonly giveWayMs?: number
}

export interface Trial extends PartitionOfDeadline {
  readonly sectors: readonly number[]
}

/**
 * The prover of the windows, which knows what it is at: a trial of the same sectors is refused meanwhile, since a prover that gets another challenge for
 * them may take it for the new one of their deadline, and give the real proof up. A trial that came first gives way to real proofs.
 */
export class TrialGuard implements WindowProver {
  readonly #options: TrialGuardOptions
  readonly #running = new Set<WindowProofRequest>()
  readonly #trials = new Set<AbortController>()

  constructor(options: TrialGuardOptions) {
    this.#options = options
  }

  prove(request: WindowProofRequest, signal: AbortSignal, progress?: ProofProgress): Promise<WindowProofResult> {
    return request.trial ? this.#tried(request, signal, progress) : this.#proven(request, signal, progress)
  }

  close(): Promise<void> {
    return this.#options.prover.close()
  }

  /** Throws while some of these sectors are being proven for the chain, by this manager or by another one of its database. */
  async admit(trial: Trial): Promise<void> {
    const { miner, deadline, partition, sectors } = trial
    const wanted = new Set(sectors)
    for (const { miner: ofMiner, deadline, partitions, replicas } of this.#running)
      if (ofMiner === miner && replicas.some(({ number }) => wanted.has(number)))
        throw refusal(miner, deadline, partitions)
    if (await this.#options.beingProven(trial)) throw refusal(miner, deadline, [partition])
  }

  async #tried(request: WindowProofRequest, signal: AbortSignal, progress?: ProofProgress): Promise<WindowProofResult> {
    const ended = new AbortController()
    this.#trials.add(ended)
    try {
      return await this.#options.prover.prove(request, AbortSignal.any([signal, ended.signal]), progress)
    } finally {
      this.#trials.delete(ended)
    }
  }

  async #proven(
    request: WindowProofRequest,
    signal: AbortSignal,
    progress?: ProofProgress,
  ): Promise<WindowProofResult> {
    const done = new AbortController()
    this.#running.add(request)
    this.#endTrials(AbortSignal.any([signal, done.signal])).catch(() => {})
    try {
      return await this.#options.prover.prove(request, signal, progress)
    } finally {
      this.#running.delete(request)
      done.abort()
    }
  }

  /** Not at once: a prover with room for both, or that ends trials by itself, need not be disturbed. */
  async #endTrials(signal: AbortSignal): Promise<void> {
    const { clock, giveWayMs } = this.#options
    const before = [...this.#trials]
    if (before.length === 0 || giveWayMs === undefined) return
    await clock.sleep(giveWayMs, signal)
    for (const trial of before)
      trial.abort(new Error('a proof for the chain is wanted, and the trial gives way to it: try again later'))
  }
}

const refusal = (miner: number, deadline: number, partitions: readonly number[]): Error =>
  new Error(
    `simulate window post: partitions ${partitions.join(', ')} of deadline ${deadline} of f0${miner} are being proven for the chain: try again when that is done`,
  )
