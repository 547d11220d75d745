import type { PostingMarks } from '../../kit/processors/posting-marks.js'
import type { WindowProver } from '../post/window-prover.js'
import type { WinningProver } from '../post/winning/winning-prover.js'

/** Whether window proofs are being made on this machine by this manager: stage workers leave its GPU to them. */
export class PostingWatch {
  readonly #marks: PostingMarks
  #running = 0

  /** `marks`: for stage workers that this manager does not know, or that know more than it does. */
  constructor(marks: PostingMarks) {
    this.#marks = marks
  }

  get busy(): boolean {
    return this.#running > 0
  }

  watched(prover: WindowProver): WindowProver {
    return {
      prove: async (...args) => {
        this.#running++
        try {
          return await this.#marks.during(() => prover.prove(...args))
        } finally {
          this.#running--
        }
      },
      close: () => prover.close(),
    }
  }

  watchedWinning(prover: WinningProver): WinningProver {
    return {
      prove: (...args) => this.#marks.during(() => prover.prove(...args)),
      close: () => prover.close(),
    }
  }
}
