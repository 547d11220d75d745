import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'

/** Removes layers and trees that proving does not need. C1 is not possible afterwards, unless synthetic proofs are left. */
export async function clearCache(
  task: StageTask<'clear_cache'>,
  { prover }: StageContext,
): Promise<StageOutput<'clear_cache'>> {
  await requireFiles([{ what: 'cache directory', path: task.cache_path, kind: 'directory' }])
  const cacheDir = task.cache_path
  const failure = failed(`clear cache ${cacheDir}`)
  await prover.call('clearCache', { cacheDir }).catch(failure)
  if (task.synthetic) await prover.call('clearSyntheticProofs', { cacheDir }).catch(failure)
  return true
}
