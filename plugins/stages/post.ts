import path from 'node:path'
import { proverId } from '../../rpc-schema/processor/sector.js'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { postProof } from '../../rpc-schema/wire/proof-types.js'
import { ProofsError } from '../prover/errors.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'

type PoStTask = StageTask<'window_post'>

/**
 * Proves the sectors of a deadline. Sectors in which challenged data could not be read come back as `faults`, without a proof; files that
 * are missing altogether are an error that names them, for that is more often a store that is not mounted than a lost sector.
 */
export async function windowPoSt(task: PoStTask, { prover }: StageContext): Promise<StageOutput<'window_post'>> {
  await requireReplicas(task)
  try {
    const proofs = await prover.call('windowPost', replicas(task))
    return { proofs: proofs.map(each => each.proof), faults: [] }
  } catch (error) {
    if (error instanceof ProofsError && error.faultySectors !== undefined) {
      return { proofs: [], faults: [...error.faultySectors] }
    }
    return failed(`window PoSt over ${task.replicas.length} sectors of miner ${task.miner_id}`)(error)
  }
}

/** Proves a sector that won a block. */
export async function winningPoSt(
  task: StageTask<'winning_post'>,
  { prover }: StageContext,
): Promise<StageOutput<'winning_post'>> {
  await requireReplicas(task)
  const proofs = await prover
    .call('winningPost', replicas(task))
    .catch(failed(`winning PoSt over ${task.replicas.length} sectors of miner ${task.miner_id}`))
  return { proofs: proofs.map(each => each.proof) }
}

const replicas = (task: PoStTask) => ({
  proofType: postProof(task.proof_type).wireName,
  proverId: proverId(task.miner_id),
  randomness: task.seed,
  replicas: task.replicas.map(replica => ({
    sectorId: replica.sector_id,
    commR: replica.comm_r,
    cacheDir: replica.cache_dir,
    sealedPath: replica.sealed_file,
  })),
})

async function requireReplicas(task: PoStTask): Promise<void> {
  await requireFiles(
    task.replicas.flatMap(({ sector_id: sector, sealed_file: sealed, cache_dir: cache }) => [
      { what: `sealed file of sector ${sector}`, path: sealed },
      { what: `cache file of sector ${sector}`, path: path.join(cache, 'p_aux') },
    ]),
  )
}
