import type { CID } from 'multiformats/cid'
import { UNSEAL_STATE } from '../../../rpc-schema/manager/unseal.js'
import type { Endpoint } from '../../../rpc-schema/rpc/endpoint.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import type { PieceStores } from '../storage/piece-stores.js'
import { destinationOf, pieceStoreDestination } from './destination.js'
import { justTheEnd, unsealedBytes } from './piece-stream.js'
import type { TaskAnswer, UnsealQueue } from './unseal-queue.js'

/** A piece as somebody outside asks for it; offset and size in unpadded bytes. */
export interface PieceWish {
  readonly sid: SectorID
  readonly pieceCid: CID
  readonly offset: number
  readonly size: number
  /** Empty: the piece is wanted here. */
  readonly dest: string
}

export interface UnsealDeskOptions {
  queue: UnsealQueue
  pieces: PieceStores
  market: Endpoint | undefined
}

/** Takes wishes for pieces, from operators and from the market. */
export class UnsealDesk {
  readonly #options: UnsealDeskOptions

  constructor(options: UnsealDeskOptions) {
    this.#options = options
  }

  /** The bytes of a piece; with a destination the stream only says that the task is set. */
  async unsealPiece(wish: PieceWish, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { queue, pieces, market } = this.#options
    const { sid, pieceCid } = wish
    if (wish.dest !== '') {
      const { state } = await queue.set({ ...wish, dest: destinationOf(wish.dest, market) }, 'demand')
      if (state === UNSEAL_STATE.finished)
        throw new Error('unseal task has been done: the piece was sent there. Ask once more to have it sent again')
      return justTheEnd()
    }
    if (!pieces.takesPieces)
      throw new Error('the piece is to come here, but no Common.PieceStores takes it: configure one, or give a --dest')
    await queue.set({ ...wish, dest: pieceStoreDestination(pieceCid) }, 'fetch')
    return unsealedBytes({ queue, pieces }, sid, pieceCid, signal)
  }

  /** Sets a task, or tells how far it is; how it ended is told once. */
  poll(wish: PieceWish): Promise<TaskAnswer> {
    return this.#options.queue.set({ ...wish, dest: destinationOf(wish.dest, this.#options.market) }, 'poll')
  }
}
