import { createHmac, timingSafeEqual } from 'node:crypto'
import { PERMISSIONS, type Permission } from '../../../rpc-schema/rpc/method.js'

const base64Url = (text: string): string => Buffer.from(text).toString('base64url')

/** API tokens as Lotus makes them: a JWT (HS256) whose payload lists the permissions. */
export class Tokens {
  readonly #secret: Uint8Array

  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  issue(permissions: readonly string[]): string {
    const body = `${base64Url('{"alg":"HS256","typ":"JWT"}')}.${base64Url(JSON.stringify({ Allow: permissions }))}`
    return `${body}.${this.#signature(body)}`
  }

  /** The permissions of a token; null for one that was not issued here. */
  verify(token: string): Permission[] | null {
    const parts = token.split('.')
    if (parts.length !== 3) return null
    const body = `${parts[0]}.${parts[1]}`
    const [expected, found] = [Buffer.from(this.#signature(body)), Buffer.from(parts[2]!)]
    if (expected.length !== found.length || !timingSafeEqual(expected, found)) return null
    const { Allow } = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString()) as { Allow: readonly string[] }
    return PERMISSIONS.filter(permission => Allow.includes(permission))
  }

  #signature(body: string): string {
    return createHmac('sha256', this.#secret).update(body).digest('base64url')
  }
}
