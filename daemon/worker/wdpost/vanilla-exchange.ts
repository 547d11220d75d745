import { createHash } from 'node:crypto'
import {
  CHUNK_BYTES,
  CHUNK_SECTORS,
  VANILLA_DIGEST,
  VANILLA_ROUTE,
  vanillaRecord,
} from '../../../rpc-schema/manager/vanilla-chunk.js'
import type { WdPoStVanilla } from '../../../rpc-schema/manager/wdpost-job.js'
import { errorText, SealError } from '../../../rpc-schema/seal-error.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'

export interface ExchangeParts {
  /** `http://host:port` of the manager. */
  readonly origin: string
  readonly token: string | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Ends everything; what is thrown then is its reason. */
  readonly signal: AbortSignal
}

/** For one chunk, which is less than a megabyte. */
const LIMIT_MS = 60_000
const AGAIN_MS = 3_000

/** The manager has answered, and will not answer anything else. */
class Refused extends SealError {}

const digestOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

async function request(
  { origin, token, signal }: ExchangeParts,
  id: string,
  content?: Uint8Array<ArrayBuffer>,
): Promise<{ status: number; body: Uint8Array }> {
  const response = await fetch(new URL(`${VANILLA_ROUTE}${encodeURIComponent(id)}`, origin), {
    method: content === undefined ? 'GET' : 'PUT',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(content !== undefined && { [VANILLA_DIGEST]: digestOf(content) }),
    },
    ...(content !== undefined && { body: content }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
  })
  return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) }
}

const textOf = (body: Uint8Array): string => Buffer.from(body).toString('utf8').trim().slice(0, 300)

/** A manager that is away comes back: it is asked until the signal ends it, which the heartbeats of the job see to. */
async function untilAnswered<T>(parts: ExchangeParts, what: string, once: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await once()
    } catch (error) {
      parts.signal.throwIfAborted()
      if (error instanceof Refused) throw error
      parts.log.warn({ err: error, retryInMs: AGAIN_MS }, `${what}: ${errorText(error)}`)
      await parts.clock.sleep(AGAIN_MS, parts.signal)
    }
  }
}

/** One chunk of what was read, whole and as it was handed in. Throws permanent when the manager does not have it. */
export function fetchVanilla(parts: ExchangeParts, { Id }: WdPoStVanilla): Promise<Uint8Array> {
  return untilAnswered(parts, 'fetching what was read for a window PoSt', async () => {
    const { status, body } = await request(parts, Id)
    if (status >= 400 && status < 500)
      throw new Refused(
        'permanent',
        `what was read for this proof is not to be had: the manager answered ${status}: ${textOf(body)}`,
      )
    if (status !== 200) throw new Error(`the manager answered ${status}: ${textOf(body)}`)
    if (digestOf(body) !== Id) throw new Error(`what came is not what was handed in (chunk ${Id})`)
    return body
  })
}

/** Hands in what a job reads, chunk by chunk, while it goes on reading. */
export class VanillaUpload {
  readonly #job: string
  readonly #parts: ExchangeParts
  readonly #refused = new AbortController()
  #records: Uint8Array[] = []
  #bytes = 0
  #sent: Promise<void> = Promise.resolve()

  constructor(job: string, parts: ExchangeParts) {
    this.#job = job
    this.#parts = parts
  }

  /** Aborts when the manager does not take what is read: there is no use in reading on. */
  get refused(): AbortSignal {
    return this.#refused.signal
  }

  add(sector: number, vanilla: Uint8Array): void {
    const record = vanillaRecord({ sector, vanilla })
    this.#records.push(record)
    this.#bytes += record.length
    if (this.#bytes >= CHUNK_BYTES || this.#records.length >= CHUNK_SECTORS) this.#send()
  }

  /** Resolves when the manager has everything. */
  async end(): Promise<void> {
    if (this.#records.length > 0) this.#send()
    await this.#sent
  }

  /** One after the other: the network is the manager's, too. */
  #send(): void {
    const content = Uint8Array.from(Buffer.concat(this.#records))
    this.#records = []
    this.#bytes = 0
    this.#sent = this.#sent.then(() =>
      untilAnswered(this.#parts, 'handing in what was read for a window PoSt', () => this.#put(content)),
    )
    this.#sent.catch(error => this.#refused.abort(error))
  }

  async #put(content: Uint8Array<ArrayBuffer>): Promise<void> {
    const { status, body } = await request(this.#parts, this.#job, content)
    if (status === 200) return
    // 422: damaged on its way.
    if (status >= 400 && status < 500 && status !== 422)
      throw new Refused('permanent', `the manager does not take what was read: it answered ${status}: ${textOf(body)}`)
    throw new Error(`the manager answered ${status}: ${textOf(body)}`)
  }
}
