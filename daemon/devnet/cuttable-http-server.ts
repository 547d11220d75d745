import { AsyncLocalStorage } from 'node:async_hooks'
import type http from 'node:http'
import { type HttpHandler, HttpServer } from '../kit/http/http-server.js'

/** One for all listeners: every live one makes every promise of the process dearer, and none ends by itself. */
const answering = new AsyncLocalStorage<http.ServerResponse>()

/** A listener whose handlers can cut the connection that they are answering. */
export class CuttableHttpServer extends HttpServer {
  override route(path: string, handler: HttpHandler): this {
    return super.route(path, (request, response) => answering.run(response, () => handler(request, response)))
  }

  /** False when the present call did not come by HTTP. */
  cutCurrent(): boolean {
    const response = answering.getStore()
    response?.destroy()
    return response !== undefined
  }
}
