import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Connection } from './connection.js'
import { type Endpoint, endpointUrl } from './endpoint.js'
import { RpcTransportError } from './error.js'
import { CHANNEL, type RequestFrame, resultOf } from './frame.js'
import { ValueQueue } from './value-queue.js'

const CONNECT_TIMEOUT_MS = 10_000
const MAX_PAYLOAD_BYTES = 256 * 1024 * 1024

interface Pending {
  method: string
  resolve(result: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
  /** Set for a method that returns a channel: called with the channel's id before anything else is read. */
  open?: (channelId: number) => void
}

/** All calls over one socket. A lost socket fails what is in flight; the next call dials again. */
export class WebSocketConnection implements Connection {
  readonly url: string
  readonly #headers: Record<string, string>
  readonly #timeoutMs: number
  readonly #heartbeatMs: number
  readonly #pending = new Map<number, Pending>()
  readonly #channels = new Map<number, ValueQueue<unknown>>()
  /** The socket in use, or being dialled; a socket that is no longer this one has no say. */
  #socket: Promise<WebSocket> | undefined
  /** The same, also while it is being dialled. */
  #wire: WebSocket | undefined
  /** What is under it, once it is open. */
  #stream: Socket | undefined
  #collecting: Socket | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #nextId = 1
  #closed = false

  constructor(endpoint: Endpoint, headers: Record<string, string>, timeoutMs: number, heartbeatMs: number) {
    this.url = endpointUrl(endpoint, 'ws')
    this.#headers = headers
    this.#timeoutMs = timeoutMs
    this.#heartbeatMs = heartbeatMs
  }

  call(method: string, params: readonly unknown[], options: { timeoutMs?: number } = {}): Promise<unknown> {
    return this.#send(this.#nextId++, method, params, options.timeoutMs ?? this.#timeoutMs)
  }

  async subscribe(method: string, params: readonly unknown[]): Promise<AsyncIterableIterator<unknown>> {
    const requestId = this.#nextId++
    let channelId: number | undefined
    const queue = new ValueQueue<unknown>(() => {
      if (channelId !== undefined) this.#channels.delete(channelId)
      void this.#notify(CHANNEL.cancel, [requestId])
    })
    await this.#send(requestId, method, params, this.#timeoutMs, id => {
      channelId = id
      this.#channels.set(id, queue)
    })
    return queue
  }

  /** At once, also while a server that does not answer is being dialled. */
  close(): Promise<void> {
    this.#closed = true
    this.#lost(new RpcTransportError(this.url, `the connection to ${this.url} was closed`))
    return Promise.resolve()
  }

  async #send(
    id: number,
    method: string,
    params: readonly unknown[],
    timeoutMs: number,
    open?: Pending['open'],
  ): Promise<unknown> {
    const start = performance.now()
    const socket = await this.#connected(timeoutMs)
    return new Promise((resolve, reject) => {
      const leftMs = Math.max(1, timeoutMs - (performance.now() - start))
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(new RpcTransportError(this.url, `${method}: no answer from ${this.url} within ${timeoutMs} ms`))
        void this.#notify(CHANNEL.cancel, [id])
      }, leftMs)
      this.#pending.set(id, { method, resolve, reject, timer, ...(open && { open }) })
      this.#collect()
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params } satisfies RequestFrame), error => {
        if (error)
          this.#lost(
            new RpcTransportError(this.url, `${method}: cannot send to ${this.url}: ${error.message}`, {
              cause: error,
            }),
          )
      })
    })
  }

  /** What is called in one turn of the event loop goes out in one write: that takes the system longer than all of the rest takes us. */
  #collect(): void {
    const stream = this.#stream
    if (stream === undefined || this.#collecting === stream) return
    this.#collecting = stream
    stream.cork()
    setImmediate(() => {
      if (this.#collecting === stream) this.#collecting = undefined
      stream.uncork()
    })
  }

  async #notify(method: string, params: readonly unknown[]): Promise<void> {
    const socket = await this.#socket?.catch(() => undefined)
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }))
  }

  async #connected(timeoutMs: number): Promise<WebSocket> {
    if (this.#closed) throw new RpcTransportError(this.url, `the connection to ${this.url} was closed`, { sent: false })
    if (this.#socket === undefined) {
      const dialled: Promise<WebSocket> = this.#dial(() => this.#socket === dialled)
      this.#socket = dialled
    }
    if (timeoutMs >= CONNECT_TIMEOUT_MS) return this.#socket
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const why = `no connection to ${this.url} within ${timeoutMs} ms`
      timer = setTimeout(() => reject(new RpcTransportError(this.url, why, { sent: false })), timeoutMs)
    })
    return Promise.race([this.#socket, late]).finally(() => clearTimeout(timer))
  }

  #dial(isCurrent: () => boolean): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url, {
        headers: this.#headers,
        perMessageDeflate: false,
        maxPayload: MAX_PAYLOAD_BYTES,
        handshakeTimeout: CONNECT_TIMEOUT_MS,
      })
      this.#wire = socket
      socket.on('upgrade', response => {
        this.#stream = response.socket
      })
      let why = 'the server closed the connection'
      let opened = false
      socket.on('error', error => {
        why = error.message || String((error as NodeJS.ErrnoException).code)
      })
      socket.on('close', () => {
        const error = new RpcTransportError(this.url, `connection to ${this.url}: ${why}`, { sent: opened })
        reject(error)
        if (isCurrent()) this.#lost(error)
      })
      socket.on('open', () => {
        opened = true
        this.#watch(socket, () => {
          why = `no answer to a ping within ${this.#heartbeatMs} ms`
        })
        resolve(socket)
      })
      socket.on('message', data => {
        if (isCurrent()) this.#receive(data.toString())
      })
    })
  }

  /** A peer that does not answer a ping by the next one is gone, whatever TCP believes. */
  #watch(socket: WebSocket, onSilence: () => void): void {
    let alive = true
    socket.on('pong', () => {
      alive = true
    })
    clearInterval(this.#heartbeat)
    this.#heartbeat = setInterval(() => {
      if (!alive) {
        onSilence()
        return socket.terminate()
      }
      alive = false
      socket.ping()
    }, this.#heartbeatMs)
    this.#heartbeat.unref()
  }

  #lost(error: RpcTransportError): void {
    this.#socket = undefined
    this.#wire?.terminate()
    this.#wire = undefined
    clearInterval(this.#heartbeat)
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer)
      pending.reject(error)
    }
    this.#pending.clear()
    for (const queue of this.#channels.values()) queue.fail(error)
    this.#channels.clear()
  }

  #receive(text: string): void {
    const frame = objectOf(text)
    if (frame === undefined) {
      const why = `${this.url} sent something that is not JSON-RPC: ${text.slice(0, 100)}`
      this.#lost(new RpcTransportError(this.url, why))
      return
    }
    if (frame.method === CHANNEL.value) this.#channels.get(frame.params?.[0] as number)?.push(frame.params?.[1])
    else if (frame.method === CHANNEL.close) this.#closeChannel(frame.params?.[0] as number)
    else if (typeof frame.id === 'number') this.#settle(frame.id, frame)
  }

  #closeChannel(id: number): void {
    this.#channels.get(id)?.end()
    this.#channels.delete(id)
  }

  #settle(id: number, frame: unknown): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    try {
      const result = resultOf(this.url, pending.method, frame)
      pending.open?.(result as number)
      pending.resolve(result)
    } catch (error) {
      pending.reject(error as Error)
    }
  }
}

function objectOf(text: string): { id?: unknown; method?: unknown; params?: unknown[] } | undefined {
  try {
    const frame: unknown = JSON.parse(text)
    return typeof frame === 'object' && frame !== null ? frame : undefined
  } catch {
    return undefined
  }
}
