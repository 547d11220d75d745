import { Piscina } from 'piscina'
import { type OpenedBody, openBody } from './open-request.js'

/** Below this a thread costs more than it saves. */
const SMALL_BYTES = 256 * 1024
/** A body takes several times its size while it is read. */
const THREADS = 2
const IDLE_MS = 30_000

/** Takes bodies apart: small ones at once, large ones in a thread, so that other calls need not wait for them. */
export class RequestOpener {
  #threads: Piscina<Uint8Array, OpenedBody | undefined> | undefined

  async open(body: Buffer): Promise<OpenedBody | undefined> {
    if (body.length < SMALL_BYTES) return openBody(body)
    this.#threads ??= new Piscina({
      filename: new URL('./open-request-thread.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: THREADS,
      idleTimeout: IDLE_MS,
    })
    return this.#threads.run(body, { transferList: [body.buffer as ArrayBuffer] })
  }

  async close(): Promise<void> {
    await this.#threads?.destroy()
  }
}
