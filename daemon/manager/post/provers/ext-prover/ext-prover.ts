import { sectorName } from '../../../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../../../kit/clock.js'
import type { Logger } from '../../../../kit/log.js'
import type { SectorPlaces } from '../../../storage/sector-places.js'
import type { WindowProofRequest, WindowProofResult, WindowProver } from '../../window-prover.js'
import { placedReplicas } from '../placed-replicas.js'
import { postTask, withFiles } from './post-task.js'
import type { ProofChildren } from './proof-children.js'

export interface ExtProverOptions {
  readonly children: ProofChildren<'window_post'>
  readonly places: Pick<SectorPlaces, 'find'>
  readonly clock: Clock
  readonly log: Logger
}

/** Window proofs by the processes of `[[WdPost]]`: any program that speaks the processor protocol. */
export class ExtProver implements WindowProver {
  readonly #options: ExtProverOptions
  readonly #closing = new AbortController()

  constructor(options: ExtProverOptions) {
    this.#options = options
  }

  async prove(request: WindowProofRequest, signal: AbortSignal): Promise<WindowProofResult> {
    const { children, places, clock, log } = this.#options
    const { placed, faults: nowhere } = await placedReplicas(request, places, log)
    const { replicas, without } = withFiles(placed)
    for (const number of without)
      log.error(
        { sector: sectorName({ Miner: request.miner, Number: number }) },
        'a sector cannot be proven: its store has no files that another program can open',
      )
    const missing = [...nowhere, ...without].sort((a, b) => a - b)
    if (missing.length > 0 || replicas.length === 0) return { proofs: [], faults: missing }
    const { closesAt, partitions } = request
    const question = {
      task: postTask(request, replicas),
      size: partitions.length,
      leftMs: closesAt === undefined ? undefined : Math.max(0, closesAt - clock.now()),
    }
    const { proofs, faults } = await children.ask(question, AbortSignal.any([signal, this.#closing.signal]))
    if (faults.length > 0) return { proofs: [], faults: [...faults] }
    return { proofs: proofs.map(ProofBytes => ({ PoStProof: request.postProof, ProofBytes })), faults: [] }
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the manager stops'))
    await this.#options.children.close()
  }
}
