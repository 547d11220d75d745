import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import { layersProgress } from './seal-progress.js'
import type { StageContext } from './stage-context.js'
import { watched } from './watched-progress.js'

/** Computes the layers into `cache_path`. The sealed file must exist already (empty will do), and so must the cache directory. */
export async function pc1(task: StageTask<'pc1'>, context: StageContext): Promise<StageOutput<'pc1'>> {
  await requireFiles([
    { what: 'staged file', path: task.in_path },
    { what: 'cache directory', path: task.cache_path, kind: 'directory' },
    { what: 'sealed file (it must be created before PC1)', path: task.out_path },
  ])
  const { name, sectorSize } = sealProof(task.registered_proof)
  const look = () => layersProgress(task.cache_path, sectorSize)
  return await watched(context, look, () =>
    context.prover.call('pc1', {
      sealProof: name,
      proverId: task.prover_id,
      sectorId: task.sector_id,
      ticket: task.ticket,
      cacheDir: task.cache_path,
      sealedPath: task.out_path,
      stagedPath: task.in_path,
      pieces: task.piece_infos,
    }),
  ).catch(failed(`pc1 of ${task.in_path} in ${task.cache_path}`))
}
