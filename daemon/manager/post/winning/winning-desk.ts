import type { ComputeProofRequest } from '../../../../rpc-schema/chain/gateway.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import type { PoStProof } from '../../../../rpc-schema/wire/block-header.js'
import { cidToCommR } from '../../../../rpc-schema/wire/cid.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import { abandoned } from '../../concurrency/abandoned.js'
import { DeadlineError } from '../../concurrency/deadline.js'
import type { WinningProofRequest, WinningProver } from './winning-prover.js'
import type { WinningVerifier } from './winning-verifier.js'

export interface WinningDeskOptions {
  readonly prover: WinningProver
  readonly verifier: WinningVerifier
  readonly clock: Clock
  readonly log: Logger
  /** For one proof, ms; default: 30 s, an epoch of the main network: a block that is later than that is nobody's. */
  readonly limitMs?: number | undefined
  /** A proof was asked for, and was made or not. */
  readonly answered?: (miner: number, outcome: 'proven' | 'failed', tookMs: number) => void
}

const LIMIT_MS = 30_000
const RANDOMNESS_BYTES = 32

/** Makes the proofs for blocks that have been won, each within its time and verified. */
export class WinningDesk {
  readonly #options: WinningDeskOptions

  constructor(options: WinningDeskOptions) {
    this.#options = options
  }

  async prove(miner: number, asked: ComputeProofRequest, signal: AbortSignal): Promise<readonly PoStProof[]> {
    const { clock, log, limitMs = LIMIT_MS, answered } = this.#options
    const startedAt = clock.monotonic()
    const subject = { miner, epoch: asked.Height, sectors: asked.SectorInfos.map(({ SectorNumber }) => SectorNumber) }
    try {
      const proofs = await this.proveInTime(requestOf(miner, asked, limitMs), signal)
      const tookMs = clock.monotonic() - startedAt
      answered?.(miner, 'proven', tookMs)
      log.info({ ...subject, tookMs: Math.round(tookMs) }, 'winning post: proven')
      return proofs
    } catch (error) {
      answered?.(miner, 'failed', clock.monotonic() - startedAt)
      log.error({ ...subject, err: error }, `winning post: no proof, the block is lost: ${errorText(error)}`)
      throw error
    }
  }

  /** Rejects with a DeadlineError when it takes longer. */
  async proveInTime(request: WinningProofRequest, signal: AbortSignal): Promise<readonly PoStProof[]> {
    const { clock } = this.#options
    const { limitMs } = request
    const late = new AbortController()
    const over = new AbortController()
    const timer = clock.sleep(limitMs, over.signal).then(
      () => late.abort(new DeadlineError(`winning proof of f0${request.miner}`, limitMs)),
      () => {},
    )
    const ends = AbortSignal.any([signal, late.signal])
    try {
      return await abandoned(this.#verified(request, ends), ends)
    } finally {
      over.abort()
      await timer
    }
  }

  async #verified(request: WinningProofRequest, signal: AbortSignal): Promise<readonly PoStProof[]> {
    const { prover, verifier } = this.#options
    const proofs = await prover.prove(request, signal)
    const [proof, ...others] = proofs
    if (proof === undefined || others.length > 0)
      throw new Error(`expected one proof, the prover gave ${proofs.length}`)
    if (!(await verifier.verify(request, proof.ProofBytes))) throw new Error('the proof is not right: it is not given')
    return proofs
  }
}

/** Throws what is wrong with it. */
function requestOf(miner: number, { SectorInfos, Rand }: ComputeProofRequest, limitMs: number): WinningProofRequest {
  const [first] = SectorInfos
  if (first === undefined) throw new Error('must provide sectors for winning post')
  if (Rand.length !== RANDOMNESS_BYTES)
    throw new Error(`Rand: expected ${RANDOMNESS_BYTES} bytes, found ${Rand.length}`)
  const { winningPoSt } = sealProof(first.SealProof)
  const other = SectorInfos.find(({ SealProof }) => sealProof(SealProof).winningPoSt !== winningPoSt)
  if (other !== undefined)
    throw new Error(`sectors ${first.SectorNumber} and ${other.SectorNumber} are not of the same size`)
  return {
    miner,
    postProof: winningPoSt,
    replicas: SectorInfos.map(({ SectorNumber, SealedCID, SectorKey }) => ({
      number: SectorNumber,
      commR: cidToCommR(SealedCID),
      upgraded: SectorKey !== null,
    })),
    randomness: Rand,
    limitMs,
  }
}
