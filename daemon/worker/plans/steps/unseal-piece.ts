import { mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { bytesEqual } from '../../../../rpc-schema/wire/bytes.js'
import { cidToCommD, isPieceCid } from '../../../../rpc-schema/wire/cid.js'
import { isUnpaddedPieceSize } from '../../../../rpc-schema/wire/numbers.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import type { AttachedStore } from '../../store/attached-store.js'
import { cacheDir, joinStorePath, sealedFile, unsealedPieceFile, updateFile } from '../../store/layout.js'

/** Where the piece lies between unsealing and uploading. */
export const unsealedFile = (context: StepContext): string =>
  join(context.paths.data, unsealedPieceFile(context.need('unseal_in').piece_cid.toString()))

/** The file as an unsealed piece has to be; its size in bytes, undefined when there is none. */
export async function unsealedBytes(file: string): Promise<number | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new SealError('critical', `cannot look at ${file}`, { cause: error })
  })
  return found?.isFile() ? found.size : undefined
}

/** Reads the sector where it is kept; the store may be read-only. A piece that an earlier try left complete is not unsealed again. */
export const unsealPiece = step(['base', 'ticket', 'unseal_in'], async context => {
  const { size } = context.need('unseal_in')
  if (size === 0) throw new SealError('permanent', 'the manager asks for a piece of 0 bytes: its size was not given')
  const store = accessStore(context)
  const output = unsealedFile(context)
  return context.limited('unseal', async () => {
    if (!(await isThereAlready(context, output))) {
      await mkdir(dirname(output), { recursive: true })
      await rm(output, { force: true })
      const written = await readBack(context, store, output)
      const found = await unsealedBytes(output)
      if (written !== size || found !== size) {
        throw new SealError(
          'permanent',
          `unseal wrote ${written} bytes, ${output} has ${found ?? 'none'}, expected ${size}`,
        )
      }
      if ((await verdictOn(context, output)) === 'wrong') throw await wrongPiece(context, store, output)
      await context.sync(output)
    }
    return event('UnsealDone', { sealyard: { uploaded: [], achieving: false } })
  })
})

/** By the stage for the kind of sector that it is. */
function readBack(context: StepContext, store: AttachedStore, output: string): Promise<number> {
  const { offset, size, comm_d } = context.need('unseal_in')
  const { ID, ProofType } = context.sector
  const upgrade = context.record.sealyard.unseal_upgrade
  const range = {
    registered_proof: ProofType,
    prover_id: context.record.base!.prove_input[0],
    sector_id: ID.Number,
    ticket: context.need('ticket').Ticket,
    unsealed_output: output,
    offset,
    num_bytes: size,
  }
  if (upgrade === null) {
    const cache_dir = joinStorePath(store.root, cacheDir(ID))
    return context.runStage('unseal', {
      ...range,
      comm_d,
      cache_dir,
      sealed_file: joinStorePath(store.root, sealedFile(ID)),
    })
  }
  return context.runStage('snap_decode', {
    ...range,
    comm_d_old: comm_d,
    comm_r_old: upgrade.CommROld,
    comm_d_new: upgrade.CommDNew,
    new_replica_path: joinStorePath(store.root, updateFile(ID)),
  })
}

function accessStore(context: StepContext): AttachedStore {
  const name = context.record.finalized?.private.AccessInstance ?? ''
  const store = context.stores.get(name)
  if (store !== undefined) return store
  throw new SealError(
    'permanent',
    name === ''
      ? 'the manager does not say which store holds the sector'
      : `the sector lies in the store ${JSON.stringify(name)}, which is not attached to this worker (attached: ${context.stores.names.join(', ')})`,
  )
}

/** Only content that the commitment proves is taken over. */
async function isThereAlready(context: StepContext, output: string): Promise<boolean> {
  if ((await unsealedBytes(output)) !== context.need('unseal_in').size) return false
  if ((await verdictOn(context, output)) !== 'right') return false
  context.log.info({ sector: context.record.base?.allocated.ID, piece: output }, 'the piece is unsealed already')
  return true
}

type Verdict = 'right' | 'wrong' | 'unknown'

/** Whether the file is the piece of the CID. It cannot be known when the task asks for a part of a piece, or names it by another kind of CID. */
async function verdictOn(context: StepContext, file: string): Promise<Verdict> {
  const { piece_cid, size } = context.need('unseal_in')
  const wanted = commitmentOf(piece_cid)
  if (wanted === undefined || !isUnpaddedPieceSize(size)) {
    context.log.warn(
      { piece: piece_cid.toString(), size },
      'the unsealed bytes are not a whole piece by its commitment: only their number was checked',
    )
    return 'unknown'
  }
  const found = await context.busy('builtin PieceCommitment', () =>
    context.pieceCommitment(file, size, context.sector.ProofType),
  )
  return bytesEqual(found, wanted) ? 'right' : 'wrong'
}

const commitmentOf = (cid: CID): Uint8Array | undefined => (isPieceCid(cid) ? cidToCommD(cid) : undefined)

async function wrongPiece(context: StepContext, store: AttachedStore, output: string): Promise<SealError> {
  const { piece_cid, offset, size } = context.need('unseal_in')
  const state = context.record.sealyard.unseal_upgrade === null ? 'sealed' : 'upgraded'
  await rm(output, { force: true })
  return new SealError(
    'permanent',
    `what was unsealed at offset ${offset} (${size} bytes) is not the piece ${piece_cid}: is the offset right, and is the sector in ` +
      `${store.name} still as it was ${state}?`,
  )
}
