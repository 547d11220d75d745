import { type FileHandle, open, rm } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { SealError, type SealErrorClass } from '../../rpc-schema/seal-error.js'
import { fileError, onFile } from './file-error.js'

/** Namespace under which the manager's piece store redirects to a market. */
const MARKET_NAMESPACE = 'v1.IMarket'
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MOST_REDIRECTS = 10
/** A server that sends nothing for so long is given up. */
const IDLE_MS = 120_000

export interface DownloadOptions {
  /** Sent with redirected requests, which lead to the market. */
  readonly token: string | undefined
  readonly signal?: AbortSignal | undefined
  onBytes?(bytes: number): void
  readonly idleMs?: number
}

/**
 * Writes the first `bytes` bytes behind `url` to `file` and syncs them. The first request is plain; redirects are followed by hand, with
 * the token. A body that is shorter is an error. Whatever fails, `file` is gone afterwards.
 */
export async function downloadPiece(url: string, file: string, bytes: number, options: DownloadOptions): Promise<void> {
  try {
    await using target = await onFile('create', file, () => open(file, 'w'))
    const received = await receive(url, target, file, bytes, options)
    if (received < bytes) {
      throw new SealError('temporary', `${url} ended after ${received} of ${bytes} bytes`)
    }
    await onFile('sync', file, () => target.sync())
  } catch (error) {
    await rm(file, { force: true }).catch(() => {})
    throw error
  }
}

async function receive(
  url: string,
  target: FileHandle,
  file: string,
  bytes: number,
  options: DownloadOptions,
): Promise<number> {
  const idle = new IdleWatch(options.idleMs ?? IDLE_MS, options.signal)
  let received = 0
  try {
    const body = await openBody(url, options.token, idle)
    for await (const chunk of body) {
      idle.touch()
      const wanted = chunk.subarray(0, bytes - received)
      await writeAll(target, file, wanted, received)
      idle.touch()
      received += wanted.length
      options.onBytes?.(wanted.length)
      if (received === bytes) break
    }
    return received
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof SealError) throw error
    throw new SealError('temporary', `fetch ${url}`, { cause: idle.reason ?? error })
  } finally {
    idle.stop()
  }
}

async function openBody(url: string, token: string | undefined, idle: IdleWatch): Promise<ReadableStream<Uint8Array>> {
  let at = url
  let headers: Record<string, string> = {}
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    if (!/^https?:/i.test(at)) throw new SealError('permanent', `fetch ${url}: not an HTTP address: ${at}`)
    const response = await fetch(at, { redirect: 'manual', headers, signal: idle.signal })
    idle.touch()
    if (response.ok && response.body !== null) return response.body
    const location = response.headers.get('location')
    const detail = REDIRECTS.has(response.status) && location !== null ? '' : await excerpt(response)
    await response.body?.cancel().catch(() => {})
    if (!REDIRECTS.has(response.status) || location === null) {
      throw new SealError(statusClass(response.status), `fetch ${at}: status ${response.status}${detail}`)
    }
    at = new URL(location, at).href
    headers = { 'X-VENUS-API-NAMESPACE': MARKET_NAMESPACE }
    if (token) headers.Authorization = `Bearer ${token}`
  }
  throw new SealError('permanent', `fetch ${url}: more than ${MOST_REDIRECTS} redirects`)
}

const statusClass = (status: number): SealErrorClass =>
  status >= 500 || status === 408 || status === 425 || status === 429 ? 'temporary' : 'permanent'

async function excerpt(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const first = await reader?.read().catch(() => undefined)
  reader?.releaseLock()
  const text = first?.value ? Buffer.from(first.value).toString('utf8', 0, 200).trim() : ''
  return text === '' ? '' : `: ${text}`
}

async function writeAll(target: FileHandle, file: string, bytes: Uint8Array, position: number): Promise<void> {
  try {
    for (let written = 0; written < bytes.length; ) {
      written += (await target.write(bytes, written, bytes.length - written, position + written)).bytesWritten
    }
  } catch (error) {
    throw fileError('write', file, error)
  }
}

/** Aborts a request on which nothing has happened for a while, or when the caller's signal aborts. */
class IdleWatch {
  readonly #controller = new AbortController()
  readonly #stopped = new AbortController()
  readonly #idleMs: number
  readonly signal: AbortSignal
  reason: Error | undefined
  #touchedAt = performance.now()

  constructor(idleMs: number, outer: AbortSignal | undefined) {
    this.#idleMs = idleMs
    this.signal = outer === undefined ? this.#controller.signal : AbortSignal.any([this.#controller.signal, outer])
    void this.#watch()
  }

  touch(): void {
    this.#touchedAt = performance.now()
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #watch(): Promise<void> {
    for (;;) {
      const leftMs = this.#touchedAt + this.#idleMs - performance.now()
      if (leftMs <= 0) break
      try {
        await setTimeout(leftMs, undefined, { signal: this.#stopped.signal })
      } catch {
        return
      }
    }
    this.reason = new Error(`no byte for ${this.#idleMs} ms`)
    this.#controller.abort(this.reason)
  }
}
