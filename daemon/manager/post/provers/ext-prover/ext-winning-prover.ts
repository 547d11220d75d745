import type { PoStProof } from '../../../../../rpc-schema/wire/block-header.js'
import type { Logger } from '../../../../kit/log.js'
import type { SectorPlaces } from '../../../storage/sector-places.js'
import type { WinningProofRequest, WinningProver } from '../../winning/winning-prover.js'
import { placedReplicas } from '../placed-replicas.js'
import { postTask, withFiles } from './post-task.js'
import type { ProofChildren } from './proof-children.js'

export interface ExtWinningProverOptions {
  readonly children: ProofChildren<'winning_post'>
  readonly places: Pick<SectorPlaces, 'find'>
  readonly log: Logger
}

/** Winning proofs by the processes of `[[WinPost]]`. */
export class ExtWinningProver implements WinningProver {
  readonly #options: ExtWinningProverOptions
  readonly #closing = new AbortController()

  constructor(options: ExtWinningProverOptions) {
    this.#options = options
  }

  async prove(request: WinningProofRequest, signal: AbortSignal): Promise<readonly PoStProof[]> {
    const { children, places, log } = this.#options
    const { placed, faults } = await placedReplicas(request, places, log)
    const { replicas, without } = withFiles(placed)
    const missing = [...faults, ...without]
    if (missing.length > 0)
      throw new Error(`no files of sector ${missing.join(', ')} are known that another program can open`)
    const question = { task: postTask(request, replicas), size: 1, leftMs: request.limitMs }
    const { proofs } = await children.ask(question, AbortSignal.any([signal, this.#closing.signal]))
    return proofs.map(ProofBytes => ({ PoStProof: request.postProof, ProofBytes }))
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the manager stops'))
    await this.#options.children.close()
  }
}
