import { ProofsError } from './errors.js'

/** Names of 32-byte values; they cross as hex, so that a logged request can be read. All other bytes cross as base64. */
const HASH_KEYS = new Set([
  'commitment',
  'commD',
  'commR',
  'commROld',
  'commRNew',
  'commRLastNew',
  'commDNew',
  'proverId',
  'ticket',
  'seed',
  'randomness',
])
const BYTES_KEYS = new Set(['proof', 'vanillaProof', 'vanillaProofs'])
/** Values of the proofs library, carried unread. */
const OPAQUE_KEYS = new Set(['phase1Output'])

const text = (bytes: Uint8Array, encoding: 'hex' | 'base64'): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding)

function encoded(key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) {
    if (!HASH_KEYS.has(key)) return text(value, 'base64')
    if (value.length !== 32)
      throw new ProofsError({
        code: 'INVALID_ARGUMENT',
        message: `${key}: expected 32 bytes, found ${value.length}`,
        causes: [],
      })
    return text(value, 'hex')
  }
  if (OPAQUE_KEYS.has(key) || value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(item => encoded(key, item))
  return encodedObject(value)
}

const encodedObject = (value: object): object =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encoded(key, item)]))

/** The JSON of a request. */
export const encodeRequest = (request: object): string => JSON.stringify(encodedObject(request))

/** The typed form of an answer: byte strings become Uint8Array. */
export function decodeValue(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (HASH_KEYS.has(key)) return Uint8Array.from(Buffer.from(value, 'hex'))
    if (BYTES_KEYS.has(key)) return Uint8Array.from(Buffer.from(value, 'base64'))
    return value
  }
  if (Array.isArray(value)) return value.map(item => decodeValue(item, key))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decodeValue(item, name)]))
}
