import { readFileSync } from 'node:fs'

/** A file of test/vectors, parsed. Tests run from dist/test/rpc-schema/wire. */
export const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../../test/vectors/${name}`, import.meta.url), 'utf8')) as T

/** The result of a recorded reply of a Lotus node. */
export const lotusResult = <T>(name: string): T => golden<{ result: T }>(`lotus/${name}.response.json`).result

/** Go's nil list and nil bytes carry the same as empty ones; the chain's CBOR cannot tell them apart. */
export function withoutNil(json: unknown): unknown {
  if (json === '' || (Array.isArray(json) && json.length === 0)) return null
  if (Array.isArray(json)) return json.map(withoutNil)
  if (typeof json === 'object' && json !== null) {
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, withoutNil(value)]))
  }
  return json
}
