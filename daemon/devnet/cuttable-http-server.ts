import { AsyncLocalStorage } from 'node:async_hooks'
import type http from 'node:http'
import { type HttpHandler, HttpServer } from '../kit/http/http-server.js'

/** A listener whose handlers can cut the connection that they are answering. */
export class CuttableHttpServer extends HttpServer {
  readonly #current = new AsyncLocalStorage<http.ServerResponse>()

  override route(path: string, handler: HttpHandler): this {
    return super.route(path, (request, response) => this.#current.run(response, () => handler(request, response)))
  }

  /** False when the present call did not come by HTTP. */
  cutCurrent(): boolean {
    const response = this.#current.getStore()
    response?.destroy()
    return response !== undefined
  }
}
