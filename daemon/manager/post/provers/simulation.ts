import type { ExtendedSectorInfo } from '../../../../rpc-schema/manager/proving.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import type { Address } from '../../../../rpc-schema/wire/address.js'
import { cidToCommR } from '../../../../rpc-schema/wire/cid.js'
import type { Logger } from '../../../kit/log.js'
import type { WindowProver } from '../window-prover.js'

export interface Simulation {
  readonly deadline: number
  readonly partition: number
  readonly miner: Address
  readonly postProof: number
  readonly sectors: readonly ExtendedSectorInfo[]
  readonly randomness: Uint8Array
}

/** As long as a partition may take without a GPU. */
const LIMIT_MS = 2 * 60 * 60_000

/** Has a partition proven for trial, in the background; the outcome is in the log. Real jobs, which have an end, come before it. */
export function simulate(prover: WindowProver, log: Logger, simulation: Simulation): void {
  const { deadline, partition, miner, postProof, sectors, randomness } = simulation
  const { id } = miner
  if (randomness.length !== 32)
    throw new Error(`simulate window post: expected 32 bytes of randomness, found ${randomness.length}`)
  const replicas = sectors
    .map(({ SectorNumber, SealedCID, SectorKey }) => ({
      number: SectorNumber,
      commR: cidToCommR(SealedCID),
      upgraded: SectorKey !== null,
    }))
    .sort((a, b) => a.number - b.number)
  const subject = { miner: id, ddl: deadline, partition, sectors: sectors.length }
  const startedAt = performance.now()
  const request = {
    miner: id,
    postProof,
    deadline,
    partitions: [partition],
    replicas,
    randomness,
    trial: true as const,
  }
  prover.prove(request, AbortSignal.timeout(LIMIT_MS)).then(
    ({ proofs, faults }) =>
      log.info(
        { ...subject, proofs: proofs.length, faults, tookMs: performance.now() - startedAt },
        'mock generate window post',
      ),
    (error: unknown) => log.error({ ...subject, err: error }, `generate window post failed: ${errorText(error)}`),
  )
}
