import { CID } from 'multiformats/cid'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { fromBase64, toBase64 } from '../../../rpc-schema/wire/bytes.js'

/** Kinds of values that JSON has no form for; each is written as text behind a tag that plain text never begins with. */
const MARK = '\u0001'

function tag(value: unknown): unknown {
  if (typeof value === 'bigint') return `${MARK}n${value}`
  if (value instanceof Address) return `${MARK}a${value.toJSON()}`
  if (value instanceof Bitfield) return `${MARK}b${value.toRuns().join(',')}`
  if (value instanceof Uint8Array) return `${MARK}x${toBase64(value)}`
  if (typeof value === 'object' && value !== null && CID.asCID(value) !== null) return `${MARK}c${value}`
  if (Array.isArray(value)) return value.map(tag)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tag(inner)]))
  return value
}

function untag(_: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(MARK)) return value
  const text = value.slice(2)
  switch (value[1]) {
    case 'n':
      return BigInt(text)
    case 'a':
      return Address.parse(text)
    case 'b':
      return Bitfield.fromRuns(text.split(',').map(Number))
    case 'x':
      return fromBase64(text)
    case 'c':
      return CID.parse(text)
    default:
      throw new Error(`a stored value has the unknown tag ${JSON.stringify(value[1])}`)
  }
}

/** Records of the state as text, with their amounts, addresses, CIDs, bytes and bitfields. */
export const toTaggedJson = (value: unknown): string => JSON.stringify(tag(value))

export const fromTaggedJson = (text: string): unknown => JSON.parse(text, untag)
