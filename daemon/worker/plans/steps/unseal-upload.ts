import { createHash } from 'node:crypto'
import type { TransferTask } from '../../../../rpc-schema/processor/transfer.js'
import { errorText, SealError } from '../../../../rpc-schema/seal-error.js'
import { classified, Interrupt } from '../../engine/failure.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { joinStorePath } from '../../store/layout.js'
import { isRefusal } from './unseal-allocate.js'
import { type Destination, readDestination, secretsOf, shownDestination } from './unseal-destination.js'
import { isSuccess, type PutAnswer, putFile } from './unseal-http-put.js'
import { unsealedBytes, unsealedFile } from './unseal-piece.js'

/** Brings the piece to every destination, each once, and tells the manager when all have it. */
export const uploadPiece = step(['base', 'unseal_in'], async context => {
  if (!context.record.sealyard.achieving) await context.limited('transfer', () => uploadToAll(context))
  await achieve(context)
  return event('UploadPieceDone')
})

async function uploadToAll(context: StepContext): Promise<void> {
  const { piece_cid, size } = context.need('unseal_in')
  const file = unsealedFile(context)
  if ((await unsealedBytes(file)) !== size) {
    throw new SealError(
      'permanent',
      `${file} with the unsealed piece is missing or cut short: resume in state Allocated`,
    )
  }
  const asked = await context.call(context.manager.AcquireUnsealDest(context.sector.ID, piece_cid))
  const destinations = new Set(asked ?? [])
  if (destinations.size === 0) throw new SealError('temporary', 'the manager names no destination for the piece')
  const failures: SealError[] = []
  for (const destination of destinations) {
    const mark = createHash('sha256').update(destination).digest('hex')
    const { uploaded } = context.record.sealyard
    if (uploaded.includes(mark)) continue
    const shown = shownDestination(destination)
    try {
      await upload(context, file, size, destination)
    } catch (error) {
      if (error instanceof Interrupt) throw error
      const failure = classified(error)
      failures.push(new SealError(failure.class, `upload to ${shown}`, { cause: failure }))
      continue
    }
    context.log.info({ sector: context.sector.ID, piece: piece_cid.toString(), destination: shown }, 'piece uploaded')
    await context.save({ sealyard: { uploaded: [...uploaded, mark] } })
  }
  if (failures.length > 0) throw together(failures)
}

/** One failure decides whether a person is needed; all are told. */
function together(failures: readonly SealError[]): SealError {
  const worst = failures.find(failure => failure.class !== 'temporary') ?? failures[0]!
  if (failures.length === 1) return worst
  return new SealError(worst.class, failures.map(errorText).join('; '))
}

async function upload(context: StepContext, file: string, bytes: number, text: string): Promise<void> {
  const destination = readDestination(text)
  switch (destination.kind) {
    case 'http':
      return accepted(await put(context, file, bytes, destination.url, text), 'temporary', isSuccess)
    case 'market':
      return accepted(
        await put(context, file, bytes, destination.url, text, destination.token),
        'permanent',
        status => status === 200,
      )
    case 'pieceStore': {
      const url = new URL(`/piecestore/${encodeURIComponent(destination.name)}`, context.managerOrigin)
      return accepted(await put(context, file, bytes, url, text, context.managerToken), 'temporary', isSuccess)
    }
    case 'file':
      return void (await context.runStage('transfer', transferOf(file, destination.path)))
    case 'store':
      return intoStore(context, file, destination)
  }
}

function put(
  context: StepContext,
  file: string,
  bytes: number,
  url: URL,
  text: string,
  token?: string,
): Promise<PutAnswer> {
  const { clock } = context
  return context.busy('builtin Upload', (signal, tell) => {
    const onBytes = (sent: number): void => tell({ done: sent / bytes })
    const secrets = [...secretsOf(text), ...(token === undefined ? [] : [token])]
    return putFile(url, file, { bytes, token, secrets, signal, clock, onBytes })
  })
}

function accepted(
  { status, text }: PutAnswer,
  otherwise: 'temporary' | 'permanent',
  isGood: (status: number) => boolean,
): void {
  if (!isGood(status)) throw new SealError(otherwise, `status ${status}${text === '' ? '' : `: ${text}`}`)
}

/** The stage copies to a file beside, syncs it and renames it. */
const transferOf = (file: string, dest: string, store?: TransferTask['stores'][string]): TransferTask => ({
  stores: store === undefined ? {} : { [store.name]: store },
  routes: [{ src: { store_name: null, uri: file }, dest: { store_name: store?.name ?? null, uri: dest }, opt: null }],
})

async function intoStore(
  context: StepContext,
  file: string,
  { store: name, path }: Destination & { kind: 'store' },
): Promise<void> {
  const store = context.stores.get(name)
  if (store === undefined) {
    throw new SealError(
      'permanent',
      `the store ${JSON.stringify(name)} is not attached to this worker (attached: ${context.stores.names.join(', ')})`,
    )
  }
  if (store.readonly) throw new SealError('permanent', `the store ${name} is attached read-only`)
  const known = await context.call(context.manager.StoreBasicInfo(name))
  if (known === null) throw new SealError('permanent', `the manager does not know the store ${JSON.stringify(name)}`)
  let target: string
  try {
    target = joinStorePath(store.root, path)
  } catch (cause) {
    throw new SealError('permanent', 'the path leaves the store', { cause })
  }
  await context.runStage('transfer', transferOf(file, target, { name, meta: known.Meta }))
}

/**
 * A manager that was told forgets the task once the piece has been fetched. So one that refuses over and over, after it may have been
 * told before a crash, is taken to be done with it.
 */
async function achieve(context: StepContext): Promise<void> {
  const { piece_cid } = context.need('unseal_in')
  const told = context.record.sealyard.achieving
  if (!told) await context.save({ sealyard: { achieving: true } })
  try {
    await context.call(context.manager.AchieveUnsealSector(context.sector.ID, piece_cid, ''))
  } catch (error) {
    const tired = context.record.retry >= context.config.maxRetries
    if (!told || !tired || !isRefusal(error) || error.class !== 'temporary') throw error
    context.log.warn({ err: error, sector: context.sector.ID }, 'the manager does not take the end of the unseal task')
  }
}
