import { mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { updateProof } from '../../rpc-schema/wire/proof-types.js'
import type { UpdateCommitments, UpdateFiles } from '../prover/calls.js'
import { sealedSectorFiles } from './c1.js'
import { TREE_D_FILE } from './cache-files.js'
import { onFile } from './file-error.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import { encodeProgress } from './seal-progress.js'
import type { StageContext } from './stage-context.js'
import { watched } from './watched-progress.js'

/** Encodes new data into a sealed sector. The replica is made with the size of the sector first; the tree of the new data must exist. */
export async function snapEncode(
  task: StageTask<'snap_encode'>,
  context: StageContext,
): Promise<StageOutput<'snap_encode'>> {
  await requireFiles([
    ...sealedSectorFiles(task.sector_path, task.sector_cache_path),
    { what: 'staged file', path: task.staged_data_path },
    { what: 'tree of the new data', path: path.join(task.new_cache_path, TREE_D_FILE) },
  ])
  const replica = task.new_replica_path
  const { sectorSize } = updateProof(task.registered_proof)
  await onFile('create', replica, async () => {
    await mkdir(path.dirname(replica), { recursive: true })
    await using file = await open(replica, 'a')
    await file.truncate(sectorSize)
  })
  const request = { ...updateFiles(task), stagedPath: task.staged_data_path, pieces: task.piece_infos }
  const look = () => encodeProgress(replica, task.new_cache_path, sectorSize)
  const { commRNew, commRLastNew, commDNew } = await watched(context, look, () =>
    context.prover.call('updateEncode', request),
  ).catch(failed(`snap encode of ${task.staged_data_path} into ${replica}`))
  return { comm_r_new: commRNew, comm_r_last_new: commRLastNew, comm_d_new: commDNew }
}

/** Makes the vanilla proofs of an update, one a partition. */
export async function snapVanilla(
  task: StageTask<'snap_vanilla'>,
  { prover }: StageContext,
): Promise<StageOutput<'snap_vanilla'>> {
  await requireFiles([
    ...sealedSectorFiles(task.sector_path, task.sector_cache_path),
    ...sealedSectorFiles(task.new_replica_path, task.new_cache_path),
  ])
  const { vanillaProofs } = await prover
    .call('updatePartitionProofs', { ...updateFiles(task), ...commitments(task) })
    .catch(failed(`vanilla proofs of the update ${task.new_replica_path}`))
  return [...vanillaProofs]
}

/** Makes the proof of an update from its vanilla proofs. */
export async function snapProve(
  task: StageTask<'snap_prove'>,
  { prover }: StageContext,
): Promise<StageOutput<'snap_prove'>> {
  const { proof } = await prover
    .call('updateProveWithVanilla', {
      updateProof: updateProof(task.registered_proof).name,
      vanillaProofs: task.vannilla_proofs,
      ...commitments(task),
    })
    .catch(failed('snap prove'))
  return proof
}

const updateFiles = (task: StageTask<'snap_encode'> | StageTask<'snap_vanilla'>): UpdateFiles => ({
  updateProof: updateProof(task.registered_proof).name,
  replicaPath: task.new_replica_path,
  replicaCacheDir: task.new_cache_path,
  keyPath: task.sector_path,
  keyCacheDir: task.sector_cache_path,
})

const commitments = (task: StageTask<'snap_vanilla'> | StageTask<'snap_prove'>): UpdateCommitments => ({
  commROld: task.comm_r_old,
  commRNew: task.comm_r_new,
  commDNew: task.comm_d_new,
})
