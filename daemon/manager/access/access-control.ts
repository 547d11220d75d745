import type { IncomingMessage } from 'node:http'
import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import type { HttpHandler } from '../../kit/http/http-server.js'
import { type Authenticate, bearer } from '../../kit/rpc/rpc-server.js'
import type { Tokens } from '../../kit/rpc/tokens.js'
import type { RevokedTokens } from './token-ledger.js'

/**
 * Who may do what:
 *
 * | token     | `required`      | not required                                        |
 * |-----------|-----------------|-----------------------------------------------------|
 * | none      | refused         | everything, as with damocles                        |
 * | made here | its permissions | its permissions                                     |
 * | revoked   | refused         | refused                                             |
 * | any other | refused         | everything: workers also send tokens of other services |
 */
export function authenticator(tokens: Tokens, required: boolean, revoked: Pick<RevokedTokens, 'has'>): Authenticate {
  const stranger = required ? null : PERMISSIONS
  return token => {
    const holder = token === undefined ? null : tokens.holder(token)
    if (holder === null) return stranger
    return holder.id !== undefined && revoked.has(holder.id) ? null : holder.permissions
  }
}

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
