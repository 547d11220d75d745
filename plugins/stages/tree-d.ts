import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import { TREE_D_FILE } from './cache-files.js'
import { onFile } from './file-error.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'
import { countedBytes, watched } from './watched-progress.js'

/** Builds the tree of the staged data in `cache_dir`, in place of one that is there. */
export async function treeD(task: StageTask<'tree_d'>, context: StageContext): Promise<StageOutput<'tree_d'>> {
  await requireFiles([{ what: 'staged file', path: task.staged_file }])
  await onFile('create', task.cache_dir, () => mkdir(task.cache_dir, { recursive: true }))
  const tree = path.join(task.cache_dir, TREE_D_FILE)
  await onFile('remove', tree, () => rm(tree, { force: true }))
  const request = {
    sealProof: sealProof(task.registered_proof).name,
    stagedPath: task.staged_file,
    cacheDir: task.cache_dir,
  }
  const look = () => countedBytes(context, tree)
  await watched(context, look, () => context.prover.call('treeD', request)).catch(
    failed(`tree-d of ${task.staged_file} in ${task.cache_dir}`),
  )
  return true
}
