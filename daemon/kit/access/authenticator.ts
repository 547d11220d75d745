import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import type { Authenticate } from '../rpc/rpc-server.js'
import type { Tokens } from '../rpc/tokens.js'

/** Ids of tokens that are not to be heard any more. */
export interface Revoked {
  has(id: string): boolean
}

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
export function authenticator(tokens: Tokens, required: boolean, revoked: Revoked): Authenticate {
  const stranger = required ? null : PERMISSIONS
  return token => {
    const holder = token === undefined ? null : tokens.holder(token)
    if (holder === null) return stranger
    return holder.id !== undefined && revoked.has(holder.id) ? null : holder.permissions
  }
}
