import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from '../log.js'
import { turnAway } from './turn-away.js'

export type HttpHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void | Promise<void>
export type UpgradeHandler = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void

export interface ListenAddress {
  host: string
  port: number
}

/** How long a graceful stop waits for requests in flight before it cuts them off. */
const STOP_GRACE_MS = 3_000
/** Longer than workers pause between two calls, so that they find their connection open. */
const KEEP_ALIVE_MS = 75_000

/** One listener with a table of paths. A path ending in `/` takes everything below it. */
export class HttpServer {
  readonly #log: Logger
  readonly #routes = new Map<string, HttpHandler>()
  readonly #upgrades = new Map<string, UpgradeHandler>()
  readonly #server: http.Server

  constructor(log: Logger) {
    this.#log = log
    // A piece of 32 GiB takes longer than Node's limit for a whole request; its handler looks to that bytes keep coming.
    this.#server = http.createServer(
      { requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS },
      (request, response) => void this.#handle(request, response),
    )
    this.#server.on('upgrade', (request, socket, head) => {
      // Node has let go of the socket: without a listener its error would end the process.
      socket.on('error', error => this.#log.debug({ err: error }, 'connection lost'))
      const handler = this.#upgrades.get(pathOf(request))
      if (handler) return handler(request, socket, head)
      turnAway(socket, '404 Not Found')
    })
  }

  route(path: string, handler: HttpHandler): this {
    this.#routes.set(path, handler)
    return this
  }

  upgrade(path: string, handler: UpgradeHandler): this {
    this.#upgrades.set(path, handler)
    return this
  }

  /** Further connections are closed as soon as they come. */
  limitConnections(most: number): this {
    this.#server.maxConnections = most
    return this
  }

  /** Resolves with the address in use (port 0 picks a free one). */
  listen(address: ListenAddress): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException): void => {
        const why = error.code === 'EADDRINUSE' ? 'another process listens there' : error.message
        reject(new Error(`cannot listen on ${address.host}:${address.port}: ${why}`, { cause: error }))
      }
      this.#server.once('error', refuse)
      this.#server.listen(address.port, address.host, () => {
        this.#server.removeListener('error', refuse)
        this.#server.on('error', error => this.#log.error({ err: error }, 'http server error'))
        const { address: host, port } = this.#server.address() as AddressInfo
        resolve({ host, port })
      })
    })
  }

  /** Stops accepting, lets requests in flight end for a short while, then closes every connection. */
  close(): Promise<void> {
    return new Promise(resolve => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), STOP_GRACE_MS)
      this.#server.close(() => {
        clearTimeout(cut)
        resolve()
      })
      this.#server.closeIdleConnections()
    })
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const handler = this.#find(pathOf(request))
    try {
      if (handler) await handler(request, response)
      else response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n')
    } catch (error) {
      this.#log.error({ err: error, path: request.url }, 'request failed')
      if (response.headersSent) response.destroy()
      else response.writeHead(500, { 'content-type': 'text/plain' }).end('internal error\n')
    }
  }

  /** The handler of the path itself, else of the nearest folder above it. */
  #find(path: string): HttpHandler | undefined {
    let at = path
    for (;;) {
      const handler = this.#routes.get(at)
      if (handler !== undefined || at.length <= 1) return handler
      at = at.slice(0, at.lastIndexOf('/', at.length - 2) + 1)
    }
  }
}

function pathOf({ url = '/' }: http.IncomingMessage): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}
