import http from 'node:http'
import https from 'node:https'
import type { Connection } from './connection.js'
import { type Endpoint, endpointUrl } from './endpoint.js'
import { RPC_ERROR, RpcError, RpcTransportError } from './error.js'
import { type RequestFrame, resultOf } from './frame.js'

const MAX_BODY_BYTES = 256 * 1024 * 1024
/** Servers close what is idle, Node's after 5 s: a call on a connection that is being closed has no answer, and nobody knows whether it was heard. */
const IDLE_MS = 2_000

/** One POST a call over kept-alive connections. The body decides, not the HTTP status: errors come as JSON-RPC in a 500, too. */
export class HttpConnection implements Connection {
  readonly url: string
  readonly #headers: Record<string, string>
  readonly #timeoutMs: number
  readonly #agent: http.Agent
  readonly #request: typeof http.request
  #nextId = 0

  constructor(endpoint: Endpoint, headers: Record<string, string>, timeoutMs: number) {
    this.url = endpointUrl(endpoint, 'http')
    this.#headers = headers
    this.#timeoutMs = timeoutMs
    const { Agent, request } = this.url.startsWith('https:') ? https : http
    this.#agent = new Agent({ keepAlive: true, timeout: IDLE_MS })
    this.#request = request
  }

  async call(method: string, params: readonly unknown[], options: { timeoutMs?: number } = {}): Promise<unknown> {
    const frame: RequestFrame = { jsonrpc: '2.0', id: this.#nextId++, method, params }
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs
    const { status, body } = await this.#post(method, JSON.stringify(frame), timeoutMs)
    let response: unknown
    try {
      response = JSON.parse(body)
    } catch (cause) {
      const hint = status === 401 ? ' (the token is missing or not valid there)' : ''
      throw new RpcTransportError(
        this.url,
        `${method}: ${this.url} answered HTTP ${status}${hint}, not JSON: ${body.slice(0, 200)}`,
        {
          cause,
        },
      )
    }
    return resultOf(this.url, method, response)
  }

  #post(method: string, body: string, timeoutMs: number): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      let connected = false
      /** Why we gave up, when we did: what the socket says then is only that it was closed. */
      let given: Error | undefined
      const fail = (error: Error): void => {
        clearTimeout(timer)
        const cause = given ?? error
        reject(
          new RpcTransportError(
            this.url,
            `${method}: no answer from ${this.url}: ${cause.message || (cause as NodeJS.ErrnoException).code}`,
            { cause, sent: connected },
          ),
        )
      }
      const giveUp = (why: string): void => {
        given = new Error(why)
        request.destroy(given)
      }
      const request = this.#request(
        this.url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: {
            'content-type': 'application/json',
            accept: 'application/json',
            'content-length': Buffer.byteLength(body),
            ...this.#headers,
          },
        },
        response => {
          const chunks: Buffer[] = []
          let bytes = 0
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length
            if (bytes > MAX_BODY_BYTES) giveUp(`its answer is larger than ${MAX_BODY_BYTES} bytes`)
            else chunks.push(chunk)
          })
          response.on('error', fail)
          response.on('end', () => {
            clearTimeout(timer)
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })
          })
        },
      )
      request.on('socket', socket => {
        if (!socket.connecting) connected = true
        else
          socket.once('connect', () => {
            connected = true
          })
      })
      const timer = setTimeout(() => giveUp(`no answer within ${timeoutMs} ms`), timeoutMs)
      request.on('error', fail)
      request.end(body)
    })
  }

  subscribe(method: string): Promise<AsyncIterableIterator<unknown>> {
    return Promise.reject(
      new RpcError(RPC_ERROR.methodNotFound, `${method} is a stream: it needs a ws:// address, not ${this.url}`),
    )
  }

  close(): Promise<void> {
    this.#agent.destroy()
    return Promise.resolve()
  }
}
