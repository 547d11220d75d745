import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import type { UnsealRequest } from '../prover/calls.js'
import { layerCount } from './cache-files.js'
import { syncDirectory } from './copy-file.js'
import { onFile } from './file-error.js'
import { requireSpace } from './free-space.js'
import { partPath } from './partial-copy.js'
import { failed } from './prover-failure.js'
import { type RequiredFile, requireFiles } from './required-files.js'
import type { StageContext } from './stage-context.js'
import { countedBytes, fileBytes, watched } from './watched-progress.js'

/** Reads a range of the data back from a sealed sector, see {@link readBack}. */
export function unseal(task: StageTask<'unseal'>, context: StageContext): Promise<StageOutput<'unseal'>> {
  const { comm_d: commD, sealed_file } = task
  return readBack({ ...task, commD, replica: { what: 'sealed file', path: sealed_file } }, context)
}

/**
 * Reads a range of the data back from an upgraded sector. The replica of the sector before, which the data was mixed with, is the last of the layers: there was
 * no data in it.
 */
export function snapDecode(task: StageTask<'snap_decode'>, context: StageContext): Promise<StageOutput<'snap_decode'>> {
  const { comm_d_old: commD, comm_r_old: commROld, comm_d_new: commDNew, new_replica_path } = task
  const replica = { what: 'replica', path: new_replica_path }
  return readBack({ ...task, commD, replica, upgrade: { commROld, commDNew } }, context)
}

type ReadBack = Pick<
  StageTask<'unseal'>,
  'registered_proof' | 'prover_id' | 'sector_id' | 'ticket' | 'unsealed_output' | 'offset' | 'num_bytes'
> & {
  readonly replica: RequiredFile
  readonly commD: Uint8Array
  readonly upgrade?: NonNullable<UnsealRequest['upgrade']>
}

/**
 * The output file appears when it is complete and on disk. Takes the time and the memory of PC1, for the layers are computed again; the last of them lies beside
 * the output meanwhile (the sector may be in a store that is read-only), and the range is decoded from it chunk by chunk. When the process is killed after the
 * layers, the next attempt goes on from there.
 */
async function readBack(task: ReadBack, context: StageContext): Promise<number> {
  const { replica } = task
  await requireFiles([replica])
  const output = task.unsealed_output
  const part = partPath(output)
  const scratch = `${part}.cache`
  const directory = path.dirname(output)
  await onFile('create', directory, () => mkdir(directory, { recursive: true }))
  await onFile('remove', part, () => rm(part, { force: true }))
  try {
    const { name, sectorSize } = sealProof(task.registered_proof)
    // A layer is written beside the one before it; the piece, when only one is left.
    await requireSpace(directory, 'two layers', 2 * sectorSize - (await bytesIn(scratch)))
    const layers = new LayersOfKey(scratch, layerCount(sectorSize))
    const look = async () => layers.progress(await layers.look(), countedBytes(context, part)?.done)
    const { bytesWritten: written } = await watched(context, look, () =>
      context.prover.call('unseal', {
        sealProof: name,
        proverId: task.prover_id,
        sectorId: task.sector_id,
        ticket: task.ticket,
        commD: task.commD,
        cacheDir: scratch,
        sealedPath: replica.path,
        outputPath: part,
        offset: task.offset,
        size: task.num_bytes,
        ...(task.upgrade && { upgrade: task.upgrade }),
      }),
    ).catch(failed(`unseal ${replica.path} to ${output}`))
    if (written !== task.num_bytes) {
      throw new SealError('permanent', `unseal ${replica.path}: ${written} of ${task.num_bytes} bytes came out`)
    }
    await onFile('sync', part, async () => {
      await using file = await open(part, 'r')
      await file.sync()
    })
    await onFile('rename to', output, () => rename(part, output))
    await syncDirectory(directory)
    return written
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    throw error
  } finally {
    await rm(scratch, { force: true, recursive: true }).catch(() => {})
  }
}

/** What an attempt that was killed has left there. */
async function bytesIn(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => [])
  const sizes = await Promise.all(names.map(name => fileBytes(path.join(directory, name))))
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
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
