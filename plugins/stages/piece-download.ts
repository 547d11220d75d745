import { type FileHandle, open, rm } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { SealError } from '../../rpc-schema/seal-error.js'
import { writeFully } from './file-chunks.js'
import { onFile } from './file-error.js'
import { IdleWatch } from './idle-watch.js'
import { type OpenedPiece, openPiece, PieceRefused } from './piece-request.js'

/** A server that sends nothing for so long, its first byte included, is given up. Connecting itself takes Node no more than 10 s. */
const IDLE_MS = 120_000
/** Attempts one after another that bring nothing. */
const MOST_VAIN_ATTEMPTS = 5
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

export interface DownloadOptions {
  /** Sent to the market to which the piece store redirects, see `piece-request.ts`. */
  readonly token: string | undefined
  readonly signal?: AbortSignal | undefined
  onBytes?(bytes: number): void
  readonly idleMs?: number
  /** The first pause before another attempt; it doubles from one to the next. */
  readonly pauseMs?: number
}

/**
 * Writes the first `bytes` bytes behind `url` to `file` and syncs them. A connection that breaks is taken up again where it broke, with
 * a range, when the server can and still has the same content; else from the beginning. A body that is shorter is an error. Whatever
 * fails, `file` is gone afterwards.
 */
export async function downloadPiece(url: string, file: string, bytes: number, options: DownloadOptions): Promise<void> {
  try {
    await using target = await onFile('create', file, () => open(file, 'w'))
    await new Download(url, target, file, bytes, options).run()
    await onFile('sync', file, () => target.sync())
  } catch (error) {
    await rm(file, { force: true }).catch(() => {})
    throw error
  }
}

class Download {
  readonly #url: string
  readonly #target: FileHandle
  readonly #file: string
  readonly #bytes: number
  readonly #options: DownloadOptions
  /** In the file. */
  #received = 0
  /** Reported to the caller: bytes that come a second time are not counted again. */
  #told = 0
  /** Of the content that the received bytes are from. */
  #etag: string | undefined

  constructor(url: string, target: FileHandle, file: string, bytes: number, options: DownloadOptions) {
    this.#url = url
    this.#target = target
    this.#file = file
    this.#bytes = bytes
    this.#options = options
  }

  async run(): Promise<void> {
    const { signal, pauseMs = FIRST_PAUSE_MS } = this.#options
    let best = 0
    for (let vain = 1; ; vain += 1) {
      try {
        return await this.#attempt()
      } catch (error) {
        signal?.throwIfAborted()
        if (this.#received > best) vain = 0
        best = Math.max(best, this.#received)
        const refusedNow = error instanceof PieceRefused && error.class === 'temporary'
        if (error instanceof SealError && !(refusedNow && best > 0)) throw error
        // What never began is the caller's to try again; what has begun would be lost by that.
        if (best === 0 || vain >= MOST_VAIN_ATTEMPTS) throw this.#broken(error)
        await setTimeout(Math.min(pauseMs * 2 ** Math.max(0, vain - 1), LONGEST_PAUSE_MS), undefined, { signal }).catch(
          () => signal?.throwIfAborted(),
        )
      }
    }
  }

  #broken(cause: unknown): SealError {
    const at = this.#received === 0 ? '' : ` (it broke after ${this.#received} of ${this.#bytes} bytes)`
    return new SealError('temporary', `fetch ${this.#url}${at}`, { cause })
  }

  async #attempt(): Promise<void> {
    const { signal, token, idleMs = IDLE_MS } = this.#options
    const idle = new IdleWatch(idleMs, signal)
    try {
      const range = this.#received === 0 ? undefined : { from: this.#received, etag: this.#etag }
      const piece = await openPiece({ url: this.#url, token, range, signal: idle.signal, onAnswer: () => idle.touch() })
      this.#startAt(piece)
      for await (const chunk of piece.body) {
        idle.touch()
        await this.#take(chunk)
        idle.touch()
        if (this.#received === this.#bytes) return
      }
      throw new SealError('temporary', `${this.#url} ended after ${this.#received} of ${this.#bytes} bytes`)
    } catch (error) {
      throw idle.reason ?? error
    } finally {
      idle.stop()
    }
  }

  #startAt({ from, etag }: OpenedPiece): void {
    this.#received = from
    this.#etag = etag
  }

  async #take(chunk: Uint8Array): Promise<void> {
    const wanted = chunk.subarray(0, this.#bytes - this.#received)
    await onFile('write', this.#file, () => writeFully(this.#target, wanted, this.#received))
    this.#received += wanted.length
    if (this.#received <= this.#told) return
    this.#options.onBytes?.(this.#received - this.#told)
    this.#told = this.#received
  }
}
