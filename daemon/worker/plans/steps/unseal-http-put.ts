import { createReadStream } from 'node:fs'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import type { Clock } from '../../../kit/clock.js'

/** Read at once; no more than two of these are in memory. */
const CHUNK_BYTES = 256 * 1024
/** A server that takes nothing for so long is given up. Long enough to bring 32 GiB to a slow disk after the last byte. */
export const UPLOAD_IDLE_MS = 5 * 60_000
const EXCERPT_BYTES = 200

export interface PutOptions {
  /** Bytes of the file. */
  readonly bytes: number
  readonly token?: string | undefined
  /** Not to be shown, whoever repeats it. */
  readonly secrets?: readonly string[]
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly idleMs?: number
  onBytes?(sent: number): void
}

export interface PutAnswer {
  readonly status: number
  /** The beginning of what the server says, for messages. */
  readonly text: string
}

/**
 * Sends a file as the body of a PUT, no faster than the server takes it. Whatever the server answers is given back, also when it
 * answers before it has everything; redirects are not followed. Throws a temporary SealError when there is no answer.
 */
export async function putFile(url: URL, file: string, options: PutOptions): Promise<PutAnswer> {
  const idle = new IdleWatch(options.clock, options.idleMs ?? UPLOAD_IDLE_MS, options.signal)
  const { request: open, Agent } = url.protocol === 'https:' ? https : http
  // A server that is told that the connection will be closed closes it with its refusal, which then may not arrive.
  const agent = new Agent({ keepAlive: true })
  const request = open(url, {
    method: 'PUT',
    agent,
    signal: idle.signal,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': options.bytes,
      ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
    },
  })
  const exchange = new Exchange(request)
  try {
    const sending = exchange.send(file, sent => {
      idle.touch()
      options.onBytes?.(sent)
    })
    const response = await exchange.answer(sending)
    idle.touch()
    const status = response.statusCode ?? 0
    if (isSuccess(status)) await sending
    return { status, text: isSuccess(status) ? '' : masked(await excerpt(response), options.secrets ?? []) }
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof SealError) throw error
    throw new SealError('temporary', `PUT ${url.origin}${url.pathname}`, { cause: idle.reason ?? named(error) })
  } finally {
    idle.stop()
    request.destroy()
    agent.destroy()
  }
}

export const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** One request on its way: what is sent, and what comes back meanwhile. */
class Exchange {
  readonly #request: ClientRequest
  readonly #response: Promise<IncomingMessage>
  readonly #broken: Promise<never>
  /** The server has answered, and does not want the rest. */
  #refused = false
  #closed = false
  /** Ends the wait for room in the connection. */
  #wake: () => void = () => {}

  constructor(request: ClientRequest) {
    this.#request = request
    this.#response = new Promise(resolve => {
      request.once('response', response => {
        this.#refused = !isSuccess(response.statusCode ?? 0)
        this.#wake()
        resolve(response)
      })
    })
    this.#broken = new Promise<never>((_, reject) => {
      request.on('error', reject)
      request.once('close', () => {
        this.#closed = true
        this.#wake()
        reject(new Error('the connection was closed before the end'))
      })
    })
    this.#broken.catch(() => {})
    request.on('drain', () => this.#wake())
  }

  async send(file: string, onBytes: (sent: number) => void): Promise<void> {
    let sent = 0
    const source = createReadStream(file, { highWaterMark: CHUNK_BYTES })
    try {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        if (this.#refused) return
        if (this.#closed) return await this.#broken
        if (!this.#request.write(chunk)) await this.#room()
        sent += chunk.length
        onBytes(sent)
      }
      this.#request.end()
    } catch (cause) {
      if (source.errored) throw new SealError('permanent', `cannot read ${file}`, { cause })
      throw cause
    }
  }

  /** The server's answer, or why none will come. */
  answer(sending: Promise<void>): Promise<IncomingMessage> {
    const failed = sending.then(() => new Promise<never>(() => {}))
    return Promise.race([this.#response, this.#broken, failed])
  }

  #room(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

async function excerpt(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      parts.push(chunk)
      bytes += chunk.length
      if (bytes >= EXCERPT_BYTES) break
    }
  } catch {
    // What came counts.
  }
  return Buffer.concat(parts).toString('utf8', 0, EXCERPT_BYTES).trim()
}

const masked = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text)

/** Errors of several addresses of a host come without a message. */
const named = (error: unknown): unknown =>
  error instanceof Error && error.message === '' && 'code' in error ? new Error(String(error.code)) : error

/** Aborts when nothing has happened for a while, or when the caller's signal aborts. */
class IdleWatch {
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #given = new AbortController()
  readonly #stopped = new AbortController()
  readonly signal: AbortSignal
  reason: Error | undefined
  #touchedAt: number

  constructor(clock: Clock, idleMs: number, outer: AbortSignal) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#touchedAt = clock.monotonic()
    this.signal = AbortSignal.any([this.#given.signal, outer])
    void this.#watch()
  }

  touch(): void {
    this.#touchedAt = this.#clock.monotonic()
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #watch(): Promise<void> {
    for (;;) {
      const leftMs = this.#touchedAt + this.#idleMs - this.#clock.monotonic()
      if (leftMs <= 0) break
      try {
        await this.#clock.sleep(leftMs, this.#stopped.signal)
      } catch {
        return
      }
    }
    this.reason = new Error(`the server took nothing for ${this.#idleMs / 1_000} s`)
    this.#given.abort(this.reason)
  }
}
