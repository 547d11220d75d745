import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import { sealedSectorFiles } from './c1.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'

/** Makes the synthetic vanilla proofs from which C1 will choose; with them the layers are not needed any more. */
export async function synthProof(
  task: StageTask<'synth_proof'>,
  { prover }: StageContext,
): Promise<StageOutput<'synth_proof'>> {
  await requireFiles(sealedSectorFiles(task.sealed_file, task.cache_path))
  await prover
    .call('syntheticProofs', {
      sealProof: sealProof(task.registered_proof).name,
      proverId: task.prover_id,
      sectorId: task.sector_id,
      ticket: task.ticket,
      cacheDir: task.cache_path,
      sealedPath: task.sealed_file,
      commR: task.comm_r,
      commD: task.comm_d,
      pieces: task.piece_infos,
    })
    .catch(failed(`synthetic proofs of ${task.sealed_file} in ${task.cache_path}`))
  return true
}
