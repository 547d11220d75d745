import path from 'node:path'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import { failed } from './prover-failure.js'
import { type RequiredFile, requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'

/** What every stage reads of a sealed sector. */
export const sealedSectorFiles = (sealed: string, cache: string): readonly RequiredFile[] => [
  { what: 'sealed file', path: sealed },
  { what: 'cache directory', path: cache, kind: 'directory' },
  { what: 'cache file', path: path.join(cache, 'p_aux') },
]

/** Answers the challenges of the seed with vanilla proofs. */
export async function c1(task: StageTask<'c1'>, { prover }: StageContext): Promise<StageOutput<'c1'>> {
  await requireFiles(sealedSectorFiles(task.sealed_file, task.cache_path))
  return await prover
    .call('c1', {
      sealProof: sealProof(task.registered_proof).name,
      proverId: task.prover_id,
      sectorId: task.sector_id,
      ticket: task.ticket,
      seed: task.seed,
      cacheDir: task.cache_path,
      sealedPath: task.sealed_file,
      commR: task.comm_r,
      commD: task.comm_d,
      pieces: task.piece_infos,
    })
    .catch(failed(`c1 of ${task.sealed_file} in ${task.cache_path}`))
}
