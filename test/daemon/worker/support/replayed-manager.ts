import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { vectorLines } from '../../../rpc-schema/rpc/recorded-calls.js'

/** A request of a worker and what a manager answered to it. */
export interface Exchange {
  readonly method: string
  readonly params: readonly unknown[]
  readonly result: unknown
}

export interface SeenRequest {
  readonly method: string
  readonly params: readonly unknown[]
  readonly headers: http.IncomingHttpHeaders
  readonly path: string
  readonly httpMethod: string
}

/**
 * Answers with the very JSON that a manager of damocles answered, by nothing but the recording: each method its answers in their
 * order, the last one again when they are used up. Knows no other method.
 */
export class ReplayedManager {
  readonly recorded: readonly Exchange[]
  readonly seen: SeenRequest[] = []
  /** Methods that were asked for and are not in the recording. */
  readonly unknown: string[] = []
  readonly #answers = new Map<string, unknown[]>()
  readonly #server = http.createServer((request, response) => this.#serve(request, response))

  constructor(vector: string) {
    this.recorded = vectorLines(vector) as Exchange[]
    for (const { method, result } of this.recorded) {
      this.#answers.set(method, [...(this.#answers.get(method) ?? []), result])
    }
  }

  async start(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const { id, method, params } = JSON.parse(body) as { id: unknown; method: string; params: unknown[] }
      this.seen.push({ method, params, headers: request.headers, path: request.url!, httpMethod: request.method! })
      const answers = this.#answers.get(method)
      if (answers === undefined) this.unknown.push(method)
      const answer =
        answers === undefined
          ? { error: { code: -32601, message: `method '${method}' not found` } }
          : { result: answers.length > 1 ? answers.shift() : answers[0] }
      // Go's server gives its JSON this type.
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      response.end(`${JSON.stringify({ jsonrpc: '2.0', ...answer, id })}\n`)
    })
  }
}
