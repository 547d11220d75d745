import type { IncomingMessage } from 'node:http'
import type { HttpHandler } from '../../kit/http/http-server.js'
import { type Authenticate, bearer } from '../../kit/rpc/rpc-server.js'

/** Lets those requests through to a handler that anybody may make, and of the others those with a token that may write. */
export function guarded(
  handler: HttpHandler,
  authenticate: Authenticate,
  writes: (request: IncomingMessage) => boolean,
): HttpHandler {
  return (request, response) => {
    if (!writes(request)) return handler(request, response)
    const permissions = authenticate(bearer(request))
    if (permissions === null) return void response.writeHead(401).end()
    if (!permissions.includes('write')) return void response.writeHead(403).end()
    return handler(request, response)
  }
}
