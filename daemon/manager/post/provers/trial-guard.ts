import type { ProofProgress, WindowProofRequest, WindowProofResult, WindowProver } from '../window-prover.js'

/**
 * The prover of the windows, which knows what it is at: a trial of the same sectors is refused meanwhile, since a prover that gets another challenge for
 * them may take it for the new one of their deadline, and give the real proof up.
 */
export class TrialGuard implements WindowProver {
  readonly #prover: WindowProver
  readonly #running = new Set<WindowProofRequest>()

  constructor(prover: WindowProver) {
    this.#prover = prover
  }

  async prove(request: WindowProofRequest, signal: AbortSignal, progress?: ProofProgress): Promise<WindowProofResult> {
    this.#running.add(request)
    try {
      return await this.#prover.prove(request, signal, progress)
    } finally {
      this.#running.delete(request)
    }
  }

  close(): Promise<void> {
    return this.#prover.close()
  }

  /** Throws while some of these sectors are being proven for the chain. */
  admit(miner: number, sectors: readonly number[]): void {
    const wanted = new Set(sectors)
    for (const { miner: ofMiner, deadline, partitions, replicas } of this.#running)
      if (ofMiner === miner && replicas.some(({ number }) => wanted.has(number)))
        throw new Error(
          `simulate window post: partitions ${partitions.join(', ')} of deadline ${deadline} of f0${miner} are being proven for the chain: try again when that is done`,
        )
  }
}
