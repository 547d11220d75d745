import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { sealProofByName } from '../../rpc-schema/wire/proof-types.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import { treesProgress } from './seal-progress.js'
import type { StageContext } from './stage-context.js'
import { watched } from './watched-progress.js'

/** Builds the trees over the layers that PC1 left in `cache_dir`, and seals the data into `sealed_file`. */
export async function pc2(task: StageTask<'pc2'>, context: StageContext): Promise<StageOutput<'pc2'>> {
  const proof = sealProofByName(task.pc1out.registered_proof)
  await requireFiles([
    { what: 'cache directory', path: task.cache_dir, kind: 'directory' },
    { what: 'sealed file', path: task.sealed_file },
  ])
  const look = () => treesProgress(task.cache_dir, proof.sectorSize)
  const { commR, commD } = await watched(context, look, () =>
    context.prover.call('pc2', {
      phase1Output: task.pc1out,
      cacheDir: task.cache_dir,
      sealedPath: task.sealed_file,
    }),
  ).catch(failed(`pc2 of ${task.sealed_file} in ${task.cache_dir}`))
  return { registered_proof: proof.number, comm_r: commR, comm_d: commD }
}
