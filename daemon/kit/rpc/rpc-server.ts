import type http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { RPC_ERROR } from '../../../rpc-schema/rpc/error.js'
import { CHANNEL } from '../../../rpc-schema/rpc/frame.js'
import { PERMISSIONS, type Permission } from '../../../rpc-schema/rpc/method.js'
import type { HttpServer } from '../http/http-server.js'
import { turnAway } from '../http/turn-away.js'
import type { Logger } from '../log.js'
import type { Dispatcher, ServerCall } from './dispatcher.js'
import { sendOverHttp, sendOverSocket, sentOverSocket } from './send-frame.js'

/** The permissions of a bearer token, or null when it is not valid. `undefined`: no token was sent. */
export type Authenticate = (token: string | undefined) => readonly Permission[] | null

export interface RpcServerOptions {
  log: Logger
  /** Default: everyone may call everything, as damocles does. */
  authenticate?: Authenticate
  maxBodyBytes?: number
  /** A body of which nothing comes for so long never ends, ms. */
  bodyIdleMs?: number
}

const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024
/** Up to how many times the allowed size a body is read and thrown away. */
const DRAIN_FACTOR = 4
/** How long a WebSocket may take for its closing handshake when the server stops. */
const CLOSE_GRACE_MS = 500
const DEFAULT_BODY_IDLE_MS = 60_000
/** Requests of one socket that are worked on at a time; the others wait in the network. */
const MOST_AT_ONCE = 1_024
/** A client that has vanished without a word is noticed by the system's probes after this and some minutes. */
const PROBE_AFTER_MS = 60_000

/** JSON-RPC over HTTP POST and WebSocket on the same path, with go-jsonrpc's channels on the latter. */
export class RpcServer {
  readonly #dispatcher: Dispatcher
  readonly #log: Logger
  readonly #authenticate: Authenticate
  readonly #maxBodyBytes: number
  readonly #bodyIdleMs: number
  readonly #sockets: WebSocketServer
  readonly #stopping = new AbortController()

  constructor(dispatcher: Dispatcher, options: RpcServerOptions) {
    this.#dispatcher = dispatcher
    this.#log = options.log
    this.#authenticate = options.authenticate ?? (() => PERMISSIONS)
    this.#maxBodyBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES
    this.#bodyIdleMs = options.bodyIdleMs ?? DEFAULT_BODY_IDLE_MS
    this.#sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: this.#maxBodyBytes })
  }

  mount(server: HttpServer, ...paths: string[]): this {
    for (const path of paths) {
      server.route(path, (request, response) => this.#post(request, response))
      server.upgrade(path, (request, socket, head) => this.#upgrade(request, socket, head))
    }
    return this
  }

  /** Ends every stream and socket; calls in flight are aborted through their signal. */
  close(): void {
    this.#stopping.abort(new Error('the server is stopping'))
    for (const socket of this.#sockets.clients) socket.close(1001, 'server stopping')
    setTimeout(() => this.dropConnections(), CLOSE_GRACE_MS).unref()
    this.#sockets.close()
  }

  /** Cuts every WebSocket at once; clients dial again. */
  dropConnections(): void {
    for (const socket of this.#sockets.clients) socket.terminate()
  }

  async #post(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const permissions = this.#authenticate(bearer(request))
    if (permissions === null) return void response.writeHead(401).end()
    // Go's server takes a body by any method; PUT is what some clients send.
    if (request.method !== 'POST' && request.method !== 'PUT')
      return sendOverHttp(response, 400, invalidRequest('send JSON-RPC by POST'))
    const body = await readBody(request, this.#maxBodyBytes, this.#bodyIdleMs)
    if (body === null)
      return sendOverHttp(response, 413, invalidRequest(`the request is larger than ${this.#maxBodyBytes} bytes`))
    if (body === '') return sendOverHttp(response, 400, invalidRequest('the request is empty'))
    let parsed: unknown
    try {
      parsed = parseFirst(body)
    } catch (error) {
      return sendOverHttp(response, 500, {
        jsonrpc: '2.0',
        id: null,
        error: { code: RPC_ERROR.parse, message: `not JSON: ${(error as Error).message}` },
      })
    }
    const result = await this.#dispatcher.handle(parsed, {
      transport: 'http',
      signal: this.#stopping.signal,
      permissions,
    })
    if (result === undefined) return void response.writeHead(200).end()
    const failed = !Array.isArray(result) && result.error !== undefined && FRAMING_ERRORS.has(result.error.code)
    return sendOverHttp(response, failed ? 500 : 200, result)
  }

  #upgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const permissions = this.#authenticate(bearer(request))
    if (permissions === null) {
      turnAway(socket, '401 Unauthorized')
      return
    }
    if ('setKeepAlive' in socket) (socket as Socket).setKeepAlive(true, PROBE_AFTER_MS)
    this.#sockets.handleUpgrade(request, socket, head, ws => this.#serve(ws, permissions))
  }

  #serve(socket: WebSocket, permissions: readonly Permission[]): void {
    const gone = new AbortController()
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal])
    const channels = new SocketChannels(socket, signal, this.#log)
    socket.on('close', () => gone.abort(new Error('the client has gone')))
    socket.on('error', error => this.#log.debug({ err: error }, 'websocket error'))
    let running = 0
    socket.on('message', data => {
      running += 1
      if (running >= MOST_AT_ONCE) socket.pause()
      void this.#message(socket, data, { transport: 'ws', signal, permissions }, channels)
        .catch((error: unknown) => {
          this.#log.error({ err: error }, 'cannot answer a WebSocket request')
          socket.close(1011, 'cannot answer')
        })
        .finally(() => {
          running -= 1
          if (socket.isPaused && running < MOST_AT_ONCE / 2) socket.resume()
        })
    })
  }

  async #message(socket: WebSocket, data: RawData, call: ServerCall, channels: SocketChannels): Promise<void> {
    let request: { id?: number | string; method?: string; params?: unknown[] }
    try {
      request = parseFirst(data.toString()) as typeof request
    } catch (error) {
      return sendOverSocket(socket, {
        jsonrpc: '2.0',
        id: null,
        error: { code: RPC_ERROR.parse, message: `not JSON: ${(error as Error).message}` },
      })
    }
    if (request?.method === CHANNEL.cancel) return channels.cancel(request.params?.[0])
    channels.begin(request?.id)
    let opened: AsyncIterable<unknown> | undefined
    let channelId = 0
    const result = await this.#dispatcher.handle(request, {
      ...call,
      openChannel: values => {
        opened = values
        channelId = channels.nextId()
        return channelId
      },
    })
    // Whoever does not read the answers is not asked for more questions.
    if (result !== undefined) await sentOverSocket(socket, result)
    if (opened) void channels.pump(channelId, request.id, opened)
    else channels.ended(request?.id)
  }
}

/** The open channels of one socket. Values go out only after the response that announced the channel. */
class SocketChannels {
  readonly #socket: WebSocket
  readonly #signal: AbortSignal
  readonly #log: Logger
  readonly #open = new Map<unknown, AsyncIterator<unknown>>()
  /** Requests that may still open a channel; true: they were cancelled before they did. */
  readonly #asked = new Map<unknown, boolean>()
  #lastId = 0

  constructor(socket: WebSocket, signal: AbortSignal, log: Logger) {
    this.#socket = socket
    this.#signal = signal
    this.#log = log
    signal.addEventListener('abort', () => {
      for (const iterator of this.#open.values()) void iterator.return?.()
    })
  }

  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  begin(requestId: unknown): void {
    if (requestId !== undefined) this.#asked.set(requestId, false)
  }

  ended(requestId: unknown): void {
    this.#asked.delete(requestId)
  }

  cancel(requestId: unknown): void {
    void this.#open.get(requestId)?.return?.()
    if (this.#asked.has(requestId)) this.#asked.set(requestId, true)
  }

  async pump(id: number, requestId: unknown, values: AsyncIterable<unknown>): Promise<void> {
    const iterator = values[Symbol.asyncIterator]()
    const isWanted = this.#asked.get(requestId) !== true && !this.#signal.aborted
    this.ended(requestId)
    this.#open.set(requestId, iterator)
    try {
      if (!isWanted) await iterator.return?.()
      for (let next = await iterator.next(); !next.done && !this.#signal.aborted; next = await iterator.next()) {
        await sentOverSocket(this.#socket, { jsonrpc: '2.0', method: CHANNEL.value, params: [id, next.value] })
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'a stream ended with an error')
    } finally {
      this.#open.delete(requestId)
      sendOverSocket(this.#socket, { jsonrpc: '2.0', method: CHANNEL.close, params: [id] })
    }
  }
}

/** The first JSON value of a text: as Go's decoder, without a look at what follows it. */
function parseFirst(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const end = /after JSON at position (\d+)/.exec((error as Error).message)?.[1]
    if (end === undefined) throw error
    return JSON.parse(text.slice(0, Number(end)))
  }
}

/** Errors of the framing itself are HTTP 500 on these APIs; errors of an application are 200. */
const FRAMING_ERRORS = new Set<number>([
  RPC_ERROR.parse,
  RPC_ERROR.invalidRequest,
  RPC_ERROR.methodNotFound,
  RPC_ERROR.invalidParams,
  RPC_ERROR.internal,
])

const invalidRequest = (message: string): object => ({
  jsonrpc: '2.0',
  id: null,
  error: { code: RPC_ERROR.invalidRequest, message },
})

/** The token that a request carries. */
export function bearer(request: http.IncomingMessage): string | undefined {
  const { authorization } = request.headers
  return authorization === undefined ? undefined : /^Bearer (.+)$/i.exec(authorization)?.[1]
}

/**
 * The whole body as text; null when it is larger than allowed. A body that is too large is read to its end where that is near, since a client that is
 * still sending when the connection closes does not get to see the answer. One of which nothing comes for so long is given up.
 */
function readBody(request: http.IncomingMessage, maxBytes: number, idleMs: number): Promise<string | null> {
  // By events: to iterate over the stream costs more than all else that is done for a small call.
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let watched = false
    // Nearly every body is there already, and a watch costs more than to read it.
    const watch = setImmediate(() => {
      watched = true
      request.setTimeout(idleMs, () => request.destroy(new Error('the request does not go on')))
    })
    const ended = (): void => {
      clearImmediate(watch)
      if (watched) request.setTimeout(0)
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      if (bytes <= DRAIN_FACTOR * maxBytes) return
      resolve(null)
      request.destroy()
    })
    request.on('end', () => {
      ended()
      if (bytes > maxBytes) resolve(null)
      else resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8'))
    })
    request.on('error', reject)
    request.on('close', () => {
      ended()
      reject(new Error('the client went while it was sending'))
    })
  })
}
