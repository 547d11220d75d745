import { mkdir, open, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { unpadded } from '../../rpc-schema/wire/numbers.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import type { AddPieceRequest, Piece } from '../prover/calls.js'
import { errorCode, fileError, onFile } from './file-error.js'
import { explainDiskFull, isDiskFull, requireSpace } from './free-space.js'
import { downloadPiece } from './piece-download.js'
import { failed } from './prover-failure.js'
import type { StageContext } from './stage-context.js'
import { countedBytes, watched } from './watched-progress.js'
import { zeroCommitment } from './zero-commitment.js'

type AddPiecesPiece = StageTask<'add_pieces'>['pieces'][number]

/**
 * Writes the staged file anew: each piece padded (fr32) and aligned, its payload filled up with zeros to the size of the piece. Pieces
 * from a URL are downloaded beside the staged file first. No pieces at all: a sector of zeros, of which nothing has to be written.
 */
export async function addPieces(
  task: StageTask<'add_pieces'>,
  context: StageContext,
): Promise<StageOutput<'add_pieces'>> {
  const { name, sectorSize } = sealProof(task.seal_proof_type)
  const staged = task.staged_filepath
  const directory = path.dirname(staged)
  for (const [index, piece] of task.pieces.entries()) checkSizes(piece, index)
  await onFile('create', directory, () => mkdir(directory, { recursive: true }))
  if (task.pieces.length === 0) return [await stageZeros(staged, sectorSize)]
  await onFile('remove', staged, () => rm(staged, { force: true }))
  const needed = bytesOnDisk(task.pieces)
  await requireSpace(directory, 'the pieces of the sector', needed)
  try {
    return await addAll(task, name, context)
  } catch (error) {
    if (!isDiskFull(error)) throw error
    await rm(staged, { force: true }).catch(() => {})
    throw await explainDiskFull(error, directory, 'the pieces of the sector', needed)
  }
}

/** Payloads, padded, and beside them the one that is being fetched: zeros take no space. */
function bytesOnDisk(pieces: readonly AddPiecesPiece[]): number {
  let [staged, fetched] = [0, 0]
  for (const { piece_file: source, payload_size: payload } of pieces) {
    if (source === 'pledge') continue
    staged += Math.ceil((payload * 128) / 127)
    if ('url' in source) fetched = Math.max(fetched, payload)
  }
  return staged + fetched
}

async function addAll(task: StageTask<'add_pieces'>, name: string, context: StageContext): Promise<Piece[]> {
  const staged = task.staged_filepath
  await onFile('truncate', staged, async () => {
    await using file = await open(staged, 'w')
    await file.truncate(0)
  })
  const progress = new PieceProgress(task.pieces, context)
  const done: Piece[] = []
  for (const [index, piece] of task.pieces.entries()) {
    context.signal?.throwIfAborted()
    const temporary = `${staged}.piece-${index}`
    try {
      const data = await provide(piece, temporary, context, progress)
      const existingPieceSizes = done.map(each => each.size)
      const request = { sealProof: name, ...data, size: piece.piece_size, stagedPath: staged, existingPieceSizes }
      const look = () => progress.adding(piece, countedBytes(context, staged)?.done)
      const added = await watched(context, look, () => context.prover.call('addPiece', request)).catch(
        failed(`add piece ${index} to ${staged}`),
      )
      done.push(added.piece)
    } finally {
      await rm(temporary, { force: true }).catch(() => {})
    }
    progress.added(piece)
  }
  return done
}

function checkSizes(piece: AddPiecesPiece, index: number): void {
  if (piece.payload_size <= piece.piece_size) return
  throw new SealError(
    'permanent',
    `piece ${index}: payload size larger than target size: ${piece.payload_size} bytes do not fit ${piece.piece_size}`,
  )
}

async function stageZeros(staged: string, sectorSize: number): Promise<Piece> {
  await onFile('create', staged, async () => {
    await using file = await open(staged, 'w')
    await file.truncate(sectorSize)
    await file.sync()
  })
  return { commitment: zeroCommitment(sectorSize), size: unpadded(sectorSize) }
}

/** A file that begins with the payload of the piece; none for a piece of zeros. */
async function provide(
  { piece_file: source, payload_size: payload }: AddPiecesPiece,
  temporary: string,
  context: StageContext,
  progress: PieceProgress,
): Promise<Pick<AddPieceRequest, 'dataPath' | 'dataBytes'>> {
  if (source === 'pledge') return {}
  const onBytes = (bytes: number): void => progress.fetched(bytes)
  if ('url' in source) {
    const token = context.env.PIECE_FETCHER_TOKEN
    await downloadPiece(source.url, temporary, payload, { token, signal: context.signal, onBytes })
    return { dataPath: temporary }
  }
  const bytes = await pieceFileBytes(source.local)
  if (bytes < payload) {
    throw new SealError(
      'permanent',
      `open piece file ${source.local}: it has ${bytes} bytes, its payload should have ${payload}`,
    )
  }
  // What lies behind the payload is no part of the piece.
  return { dataPath: source.local, dataBytes: payload }
}

async function pieceFileBytes(file: string): Promise<number> {
  try {
    const found = await stat(file)
    if (found.isFile()) return found.size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new SealError('permanent', `open piece file ${file}`, { cause: error })
    throw fileError('open piece file', file, error)
  }
  throw new SealError('permanent', `open piece file ${file}: not a regular file`)
}

/** Fetching counts half, adding the other half. */
class PieceProgress {
  readonly #context: StageContext
  readonly #totalBytes: number
  #fetchedBytes = 0
  #addedBytes = 0

  constructor(pieces: readonly AddPiecesPiece[], context: StageContext) {
    this.#context = context
    this.#totalBytes = pieces.reduce((sum, piece) => sum + 2 * piece.piece_size, 0)
  }

  fetched(bytes: number): void {
    this.#fetchedBytes += bytes
    this.#report('fetch')
  }

  /** What is seen of a piece that is being added; `done`: of its bytes, when that is known. */
  adding(piece: AddPiecesPiece, done: number | undefined): Progress | undefined {
    if (done === undefined) return undefined
    return this.#progress('add', piece.piece_size * (1 + done))
  }

  added(piece: AddPiecesPiece): void {
    this.#fetchedBytes = 0
    this.#addedBytes += 2 * piece.piece_size
    this.#report('add')
  }

  #report(step: string): void {
    this.#context.onProgress?.(this.#progress(step, this.#fetchedBytes))
  }

  #progress(step: string, bytesOfPiece: number): Progress {
    return { done: Math.min(1, (this.#addedBytes + bytesOfPiece) / this.#totalBytes), step }
  }
}
