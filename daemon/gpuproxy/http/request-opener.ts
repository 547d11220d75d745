import type http from 'node:http'
import { Piscina } from 'piscina'
import type { C2Input, ReadDocument } from '../resources/c2-resource.js'
import type { ResourceStore } from '../resources/resource-store.js'
import { BodyIntake } from './body-intake.js'
import { type OpenedBody, openBody } from './open-request.js'

/** Longer texts than half a gigabyte do not exist in JavaScript. */
const MAX_BODY_BYTES = 500 * 1024 * 1024
/** Below this a thread costs more than it saves. */
const SMALL_BYTES = 256 * 1024
/** A body that is read as a whole takes several times its size meanwhile. */
const THREADS = 2
const IDLE_MS = 30_000

/** What is no body of requests: too large, not of JSON from its first character, or not of JSON further on. */
export type NoBody = 'too big' | 'not JSON at all' | 'not JSON'

export interface Opened {
  readonly body: OpenedBody | NoBody
  /** What a task is added with that is made from a document of this body. */
  input(document: ReadDocument): C2Input
  /** For when all is answered: what was not stored under its id goes. */
  discard(): Promise<void>
}

/**
 * Reads bodies and takes them apart. The document of a task is stored while it comes, when it stands where clients write it; everything else is read as a
 * whole: small at once, large in a thread, so that other calls need not wait.
 */
export class RequestOpener {
  readonly #resources: Pick<ResourceStore, 'receive'>
  #threads: Piscina<Uint8Array, OpenedBody | undefined> | undefined

  constructor(resources: Pick<ResourceStore, 'receive'>) {
    this.#resources = resources
  }

  async open(request: http.IncomingMessage): Promise<Opened> {
    const intake = new BodyIntake(() => this.#resources.receive())
    try {
      const body = (await isTakenBy(intake, request)) ? await intake.end() : ('too big' as const)
      if (body === 'too big' || body === undefined) return this.#opened(intake, body ?? 'not JSON')
      if (!('document' in body)) return this.#opened(intake, await this.#taken(body))
      const { text, mark, document } = body
      const opened = openBody(text, { mark, read: () => document.read() })
      return this.#opened(intake, opened ?? 'not JSON', id => document.keep(id))
    } catch (error) {
      await intake.discard()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#threads?.destroy()
  }

  #opened(intake: BodyIntake, body: Opened['body'], keep?: (id: string) => ReturnType<C2Input['store']>): Opened {
    return {
      body,
      input: ({ resourceId, statement, bytes }) => ({
        resourceId,
        statement,
        store: async () => {
          if (bytes === undefined) return keep!(resourceId)
          const incoming = this.#resources.receive()
          try {
            await incoming.write(bytes)
            return await incoming.keep(resourceId)
          } finally {
            await incoming.discard()
          }
        },
      }),
      discard: () => intake.discard(),
    }
  }

  async #taken(body: Buffer): Promise<Opened['body']> {
    if (body[0] !== 0x7b && body[0] !== 0x5b) return 'not JSON at all'
    if (body.length < SMALL_BYTES) return openBody(body) ?? 'not JSON'
    this.#threads ??= new Piscina({
      filename: new URL('./open-request-thread.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: THREADS,
      idleTimeout: IDLE_MS,
    })
    return (await this.#threads.run(body, { transferList: [body.buffer as ArrayBuffer] })) ?? 'not JSON'
  }
}

/** False when the body is too large; it is read to its end all the same, since clients listen only then. */
async function isTakenBy(intake: BodyIntake, request: http.IncomingMessage): Promise<boolean> {
  if (Number(request.headers['content-length']) > MAX_BODY_BYTES) {
    request.resume()
    return false
  }
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) await intake.write(chunk)
  }
  return bytes <= MAX_BODY_BYTES
}
