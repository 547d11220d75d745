import type { CID } from 'multiformats/cid'
import { UNSEAL_STATE } from '../../../rpc-schema/manager/unseal.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { PieceStores } from '../storage/piece-stores.js'
import { pieceStoreDestination } from './destination.js'
import type { UnsealQueue } from './unseal-queue.js'
import { taskName } from './unseal-task.js'

/** The most that goes into one value of the stream, as the original has it. */
export const CHUNK_BYTES = 2 * 1024 * 1024

const NOTHING = new Uint8Array()

/** The good end of a stream, which has no other sign of it. */
export async function* justTheEnd(): AsyncGenerator<Uint8Array> {
  yield NOTHING
}

export interface PieceStreamParts {
  readonly queue: Pick<UnsealQueue, 'ended' | 'forget'>
  readonly pieces: Pick<PieceStores, 'open'>
}

/**
 * The bytes of a piece, once a worker has brought it to the piece store of this manager; read only as fast as they are taken. Ends with an empty chunk;
 * without one when the piece could not be had.
 */
export async function* unsealedBytes(
  { queue, pieces }: PieceStreamParts,
  sid: SectorID,
  pieceCid: CID,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const task = await queue.ended(sid, pieceCid, signal)
  const dest = pieceStoreDestination(pieceCid)
  if (task === undefined || task.state === UNSEAL_STATE.failed) {
    await queue.forget(sid, pieceCid, dest)
    throw new Error(`unseal ${taskName(sid, pieceCid)} failed: ${task?.error ?? 'the task is gone'}`)
  }
  const piece = await pieces.open(pieceCid.toString())
  if (piece === undefined) {
    await queue.forget(sid, pieceCid, dest)
    throw new Error(`the unsealed piece ${pieceCid} is not in the piece store any more: ask for it again`)
  }
  yield* chunksOf(await piece.stream(0, piece.sizeBytes), CHUNK_BYTES)
  yield NOTHING
  await queue.forget(sid, pieceCid, dest)
}

/** Cuts a stream into chunks of one size, the last one shorter: few large messages instead of many small ones. */
export async function* chunksOf(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const part of source) {
    for (let from = 0; from < part.length; ) {
      const piece = part.subarray(from, from + size - bytes)
      held.push(piece)
      bytes += piece.length
      from += piece.length
      if (bytes < size) continue
      yield Buffer.concat(held)
      held = []
      bytes = 0
    }
  }
  if (bytes > 0) yield Buffer.concat(held)
}
