import { mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import { syncDirectory } from './copy-file.js'
import { onFile } from './file-error.js'
import { partPath } from './partial-copy.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'

/**
 * Reads a range of the data back from a sealed sector; the output file appears when it is complete and on disk. Takes the time and the
 * memory of PC1, for its layers are computed again; the last of them lies beside the output meanwhile (the sector may be in a store that
 * is read-only), and the range is decoded from it chunk by chunk.
 */
export async function unseal(task: StageTask<'unseal'>, { prover }: StageContext): Promise<StageOutput<'unseal'>> {
  await requireFiles([{ what: 'sealed file', path: task.sealed_file }])
  const output = task.unsealed_output
  const part = partPath(output)
  const scratch = `${part}.cache`
  await onFile('create', path.dirname(output), () => mkdir(path.dirname(output), { recursive: true }))
  await onFile('remove', part, () => rm(part, { force: true }))
  try {
    const { bytesWritten: written } = await prover
      .call('unseal', {
        sealProof: sealProof(task.registered_proof).name,
        proverId: task.prover_id,
        sectorId: task.sector_id,
        ticket: task.ticket,
        commD: task.comm_d,
        cacheDir: scratch,
        sealedPath: task.sealed_file,
        outputPath: part,
        offset: task.offset,
        size: task.num_bytes,
      })
      .catch(failed(`unseal ${task.sealed_file} to ${output}`))
    if (written !== task.num_bytes) {
      throw new SealError('permanent', `unseal ${task.sealed_file}: ${written} of ${task.num_bytes} bytes came out`)
    }
    await onFile('sync', part, async () => {
      await using file = await open(part, 'r')
      await file.sync()
    })
    await onFile('rename to', output, () => rename(part, output))
    await syncDirectory(path.dirname(output))
    return written
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    throw error
  } finally {
    await rm(scratch, { force: true, recursive: true }).catch(() => {})
  }
}
