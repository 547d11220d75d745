import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { PERMISSIONS, type Permission } from '../../../rpc-schema/rpc/method.js'

/** `Name` and `ID` are ours: whom the token was made for, and by what it can be revoked. */
const Payload = z.object({ Allow: z.array(z.string()), Name: z.string().optional(), ID: z.string().optional() })

export interface TokenHolder {
  readonly permissions: readonly Permission[]
  readonly name: string | undefined
  readonly id: string | undefined
}

const base64Url = (text: string): string => Buffer.from(text).toString('base64url')

/** API tokens as Lotus makes them: a JWT (HS256) whose payload lists the permissions. */
export class Tokens {
  readonly #secret: Uint8Array

  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  issue(permissions: readonly string[], name?: string, id?: string): string {
    const payload = JSON.stringify({ Allow: permissions, Name: name, ID: id })
    const body = `${base64Url('{"alg":"HS256","typ":"JWT"}')}.${base64Url(payload)}`
    return `${body}.${this.#signature(body)}`
  }

  /** Null for a token that was not issued with this secret. */
  holder(token: string): TokenHolder | null {
    const parts = token.split('.')
    if (parts.length !== 3) return null
    const body = `${parts[0]}.${parts[1]}`
    const [expected, found] = [Buffer.from(this.#signature(body)), Buffer.from(parts[2]!)]
    if (expected.length !== found.length || !timingSafeEqual(expected, found)) return null
    const { Allow, Name, ID } = Payload.parse(JSON.parse(Buffer.from(parts[1]!, 'base64url').toString()))
    return { permissions: PERMISSIONS.filter(permission => Allow.includes(permission)), name: Name, id: ID }
  }

  /** The permissions of a token; null for one that was not issued here. */
  verify(token: string): readonly Permission[] | null {
    return this.holder(token)?.permissions ?? null
  }

  #signature(body: string): string {
    return createHmac('sha256', this.#secret).update(body).digest('base64url')
  }
}
