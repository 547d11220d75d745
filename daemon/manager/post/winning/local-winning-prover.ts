import { proverId } from '../../../../rpc-schema/processor/sector.js'
import type { PoStProof } from '../../../../rpc-schema/wire/block-header.js'
import { postProof } from '../../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import { abandoned } from '../../concurrency/abandoned.js'
import type { SectorPlaces } from '../../storage/sector-places.js'
import type { SectorProver } from '../../storage/sector-proofs.js'
import type { ProofComputer } from '../provers/local/proof-process.js'
import { VanillaReader } from '../provers/local/vanilla-reader.js'
import { placedReplicas } from '../provers/placed-replicas.js'
import type { WinningProofRequest, WinningProver } from './winning-prover.js'

export interface LocalWinningProverOptions {
  readonly places: Pick<SectorPlaces, 'find'>
  /** Reads of stores; not those of the windows, behind which a block would wait. */
  readonly reads: SectorProver
  /** The same holds for what is computed. */
  readonly computer: ProofComputer
  readonly clock: Clock
  readonly log: Logger
}

/** Reading may take this share of the time; the proof itself takes a second with a GPU, and some without. */
const READ_SHARE = 0.6
/** One look at one sector: then its process is killed, and the sector is asked for again. */
const LOOK_SHARE = 0.25
const READERS = 8

/** Winning proofs on this machine, in processes that can be killed: a store that hangs costs a block, never more. */
export class LocalWinningProver implements WinningProver {
  readonly #options: LocalWinningProverOptions
  readonly #reader: VanillaReader
  readonly #closing = new AbortController()

  constructor(options: LocalWinningProverOptions) {
    this.#options = options
    this.#reader = new VanillaReader({ prover: options.reads, clock: options.clock, parallel: READERS })
  }

  prove(request: WinningProofRequest, given: AbortSignal): Promise<readonly PoStProof[]> {
    const signal = AbortSignal.any([given, this.#closing.signal])
    return abandoned(this.#prove(request, signal), signal)
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the manager stops'))
    this.#options.reads.close()
    this.#options.computer.close()
  }

  async #prove(request: WinningProofRequest, signal: AbortSignal): Promise<readonly PoStProof[]> {
    const { places, computer, clock, log } = this.#options
    const { miner, randomness, limitMs } = request
    const startedAt = clock.monotonic()
    const limits = { limitMs, signal }
    const { wireName: proofType } = postProof(request.postProof)
    const statement = { proofType, randomness, proverId: proverId(miner) }
    const [{ placed, faults }, found] = await Promise.all([
      placedReplicas(request, places, log),
      computer.compute(
        'fallbackChallenges',
        { ...statement, sectorIds: request.replicas.map(({ number }) => number) },
        limits,
      ),
    ])
    if (faults.length > 0) throw new Error(`no files of sector ${faults.join(', ')} are known`)
    const challenges = new Map(found.map(({ sectorId, challenges }) => [sectorId, challenges]))
    const { vanillas, failures } = await this.#reader.read(
      { proofType, replicas: placed, challenges },
      { sectorMs: limitMs * LOOK_SHARE, allMs: limitMs * READ_SHARE },
      signal,
    )
    const [failure] = failures
    if (failure !== undefined) throw new Error(`sector ${failure[0]} cannot be read: ${failure[1]}`)
    const readMs = clock.monotonic() - startedAt
    const vanillaProofs = request.replicas.map(({ number }) => vanillas.get(number)!)
    const proofs = await computer.compute('winningPostWithVanilla', { ...statement, vanillaProofs }, limits)
    const proveMs = clock.monotonic() - startedAt - readMs
    log.info({ miner, sectors: request.replicas.map(({ number }) => number), readMs, proveMs }, 'winning proof made')
    return proofs.map(({ proof }) => ({ PoStProof: request.postProof, ProofBytes: proof }))
  }
}
