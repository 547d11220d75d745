import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedPut {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  body: Buffer
}

type Answer = (request: IncomingMessage, response: ServerResponse, put: ReceivedPut) => Promise<void> | void

/** A server that takes pieces, on loopback. The next requests can be answered by a script; then it takes what comes. */
export class PieceServer {
  readonly received: ReceivedPut[] = []
  readonly #scripts: Answer[] = []
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response))

  static async start(): Promise<PieceServer> {
    const server = new PieceServer()
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  script(...answers: Answer[]): void {
    this.#scripts.push(...answers)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request
    const put: ReceivedPut = { method, url, headers, body: Buffer.alloc(0) }
    this.received.push(put)
    request.on('error', () => {})
    await (this.#scripts.shift() ?? takeAll)(request, response, put)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** Reads all and answers 200. */
export const takeAll: Answer = async (request, response, put) => {
  const parts: Buffer[] = []
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  put.body = Buffer.concat(parts)
  response.end()
}

/** Reads all and answers with a status. */
export const refuse =
  (status: number, text = ''): Answer =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(text))
  }
