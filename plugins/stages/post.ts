import path from 'node:path'
import { proverId } from '../../rpc-schema/processor/sector.js'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { postProof } from '../../rpc-schema/wire/proof-types.js'
import { ProofsError } from '../prover/errors.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'
import { windowFromVanillas } from './window-vanilla.js'

type PoStTask = StageTask<'window_post'>

/**
 * Proves the sectors of a deadline. Sectors whose files are missing, or in which challenged data could not be read, come back as `faults`,
 * without a proof. Only when the files of all of them are missing is that an error: then a store is not mounted.
 */
export async function windowPoSt(task: PoStTask, context: StageContext): Promise<StageOutput<'window_post'>> {
  if (task.vanilla_files !== undefined) return windowFromVanillas(task, task.vanilla_files, context)
  const { prover } = context
  const missing = await replicasWithout(task)
  if (missing.length > 0) {
    const [first] = missing
    if (missing.length === task.replicas.length) {
      throw new SealError(
        'permanent',
        `the files of all ${missing.length} sectors of miner ${task.miner_id} are missing: their store seems not to be mounted`,
        { cause: first!.error },
      )
    }
    return { proofs: [], faults: missing.map(each => each.sector) }
  }
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
  await requireFiles(task.replicas.flatMap(filesOf))
  const proofs = await prover
    .call('winningPost', replicas(task))
    .catch(failed(`winning PoSt over ${task.replicas.length} sectors of miner ${task.miner_id}`))
  return { proofs: proofs.map(each => each.proof) }
}

const replicas = (task: StageTask<'winning_post'>) => ({
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

const filesOf = ({ sector_id: sector, sealed_file: sealed, cache_dir: cache }: PoStTask['replicas'][number]) => [
  { what: `sealed file of sector ${sector}`, path: sealed },
  { what: `cache file of sector ${sector}`, path: path.join(cache, 'p_aux') },
]

/** Those that lack a file, and which. A store that does not answer for the moment is an error, not a fault. */
async function replicasWithout(task: PoStTask): Promise<{ sector: number; error: SealError }[]> {
  const looked = await Promise.all(
    task.replicas.map(replica =>
      requireFiles(filesOf(replica)).then(
        () => [],
        (error: unknown) => {
          if (!(error instanceof SealError) || error.class === 'temporary') throw error
          return [{ sector: replica.sector_id, error }]
        },
      ),
    ),
  )
  return looked.flat()
}
