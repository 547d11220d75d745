import type { WindowProver } from '../post/window-prover.js'

/** Whether window proofs are being made on this machine: stage workers leave its GPU to them. */
export class PostingWatch {
  #running = 0

  get busy(): boolean {
    return this.#running > 0
  }

  watched(prover: WindowProver): WindowProver {
    return {
      prove: async (...args) => {
        this.#running++
        try {
          return await prover.prove(...args)
        } finally {
          this.#running--
        }
      },
      close: () => prover.close(),
    }
  }
}
