import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import { layerCount } from './cache-files.js'
import { syncDirectory } from './copy-file.js'
import { onFile } from './file-error.js'
import { partPath } from './partial-copy.js'
import { failed } from './prover-failure.js'
import { requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'
import { countedBytes, watched } from './watched-progress.js'

/**
 * Reads a range of the data back from a sealed sector; the output file appears when it is complete and on disk. Takes the time and the
 * memory of PC1, for its layers are computed again; the last of them lies beside the output meanwhile (the sector may be in a store that
 * is read-only), and the range is decoded from it chunk by chunk.
 */
export async function unseal(task: StageTask<'unseal'>, context: StageContext): Promise<StageOutput<'unseal'>> {
  await requireFiles([{ what: 'sealed file', path: task.sealed_file }])
  const output = task.unsealed_output
  const part = partPath(output)
  const scratch = `${part}.cache`
  await onFile('create', path.dirname(output), () => mkdir(path.dirname(output), { recursive: true }))
  await onFile('remove', part, () => rm(part, { force: true }))
  try {
    const { name, sectorSize } = sealProof(task.registered_proof)
    const layers = new LayersOfKey(scratch, layerCount(sectorSize))
    const look = async () => layers.progress(await layers.look(), countedBytes(context, part)?.done)
    const { bytesWritten: written } = await watched(context, look, () =>
      context.prover.call('unseal', {
        sealProof: name,
        proverId: task.prover_id,
        sectorId: task.sector_id,
        ticket: task.ticket,
        commD: task.comm_d,
        cacheDir: scratch,
        sealedPath: task.sealed_file,
        outputPath: part,
        offset: task.offset,
        size: task.num_bytes,
      }),
    ).catch(failed(`unseal ${task.sealed_file} to ${output}`))
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

/** Each layer replaces the one before under the same name, so what is counted are the files that were seen there. */
class LayersOfKey {
  readonly #file: string
  readonly #total: number
  readonly #seen = new Set<string>()

  constructor(scratch: string, total: number) {
    this.#file = path.join(scratch, 'sc-02-data-unseal-key.dat')
    this.#total = total
  }

  async look(): Promise<number> {
    const found = await stat(this.#file, { bigint: true }).catch(() => undefined)
    if (found !== undefined) this.#seen.add(`${found.ino} ${found.mtimeNs}`)
    return Math.min(this.#seen.size, this.#total)
  }

  /** Decoding counts as much as one layer. */
  progress(layers: number, decoded: number | undefined): Progress {
    const parts = this.#total + 1
    if (decoded !== undefined) return { done: (this.#total + decoded) / parts, step: 'decode' }
    return { done: layers / parts, step: `layer ${Math.min(layers + 1, this.#total)}/${this.#total}` }
  }
}
