import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { Address, AddressJson, type NetworkPrefix } from './address.js'
import { Bitfield, BitfieldJson } from './bitfield.js'
import { bytesEqual, emptyableBytes } from './bytes.js'
import { CidJson } from './cid.js'
import { list } from './list.js'
import { Int64, Uint64 } from './numbers.js'
import { TokenAmount } from './token-amount.js'

/** Limits that the chain's own codec imposes; longer values could not be read by anybody. */
export const CBOR_LIMITS = {
  listItems: 8192,
  byteString: 2 << 20,
  textBytes: 8192,
  /** Sign byte and magnitude of a big integer. */
  bigIntBytes: 128,
  bitfieldBytes: 32 << 10,
} as const

/** What a value on the chain was refused for; the message starts with the path to it. */
export class CborError extends Error {
  override readonly name = 'CborError'
}

/**
 * A shape of the chain, declared once: `json` is its zod codec (wire JSON <-> value), `encode`/`decode` its CBOR.
 * Nodes are the values of the dag-cbor library: numbers, bytes, text, lists, CIDs, null, booleans.
 */
export interface Cbor<S extends z.ZodType = z.ZodType> {
  readonly json: S
  toNode(value: z.output<S>, path: string): unknown
  fromNode(node: unknown, path: string, prefix?: NetworkPrefix): z.output<S>
  /** Throws a {@link CborError} that names the path of what cannot be encoded. */
  encode(value: z.output<S>): Uint8Array
  /**
   * Strict: canonical bytes, nothing after the value, the chain's length limits. Throws a {@link CborError} with the path.
   * The chain keeps no network prefix; `prefix` is the one that the addresses will be written with.
   */
  decode(bytes: Uint8Array, prefix?: NetworkPrefix): z.output<S>
}

/** The value of a shape. */
export type CborValue<C extends Cbor> = z.output<C['json']>

interface Definition<S extends z.ZodType> {
  readonly json: S
  toNode(value: z.output<S>, path: string): unknown
  fromNode(node: unknown, path: string, prefix?: NetworkPrefix): z.output<S>
}

/** Makes a shape of its JSON schema and its two directions; for what the combinators below do not cover. */
export function cborShape<S extends z.ZodType>(definition: Definition<S>): Cbor<S> {
  return {
    ...definition,
    encode: value => dagCbor.encode(definition.toNode(value, '')),
    decode(bytes, prefix) {
      let node: unknown
      try {
        node = dagCbor.decode(bytes)
      } catch (error) {
        throw new CborError(`not one CBOR value: ${(error as Error).message}`, { cause: error })
      }
      const value = definition.fromNode(node, '', prefix)
      if (!bytesEqual(dagCbor.encode(node), bytes)) throw new CborError('not canonical CBOR')
      return value
    },
  }
}

/** A {@link CborError} with its path in front. */
export function cborError(path: string, message: string, cause?: unknown): CborError {
  return new CborError(path === '' ? message : `${path}: ${message}`, { cause })
}

/** What a value is, in words for an error. */
function describe(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'string') return `text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`
  if (typeof value === 'object') return CID.asCID(value) === null ? 'an object' : `the CID ${value}`
  return `${value}`
}

const expected = (path: string, what: string, found: unknown): CborError =>
  cborError(path, `expected ${what}, found ${describe(found)}`)

/** A shape whose node is the value itself, once checked. */
function plain<S extends z.ZodType>(json: S, what: string, is: (value: unknown) => boolean): Cbor<S> {
  const same = (value: unknown, path: string): z.output<S> => {
    if (!is(value)) throw expected(path, what, value)
    return value as z.output<S>
  }
  return cborShape({ json, toNode: same, fromNode: same })
}

/** Unsigned number, at most 2^53 − 1. */
export const uint = plain(
  Uint64,
  'an unsigned number up to 2^53−1',
  value => Number.isSafeInteger(value) && (value as number) >= 0,
)

/** Signed number within ±(2^53 − 1). */
export const int = plain(Int64, 'a number within ±(2^53−1)', value => Number.isSafeInteger(value))

export const bool = plain(z.boolean(), 'true or false', value => typeof value === 'boolean')

export const text = plain(
  z.string(),
  `text of at most ${CBOR_LIMITS.textBytes} bytes`,
  value => typeof value === 'string' && Buffer.byteLength(value) <= CBOR_LIMITS.textBytes,
)

/** Byte string. Go's nil is written as an empty one; both are no bytes here, and null in JSON. */
export const bytes = plain(
  emptyableBytes,
  `at most ${CBOR_LIMITS.byteString} bytes`,
  value => value instanceof Uint8Array && value.length <= CBOR_LIMITS.byteString,
)

/** Link to another object (tag 42). */
export const cid = cborShape({
  json: CidJson,
  toNode(value, path) {
    const link = CID.asCID(value)
    if (link === null) throw expected(path, 'a CID', value)
    return link
  },
  fromNode(node, path) {
    const link = CID.asCID(node)
    if (link === null) throw expected(path, 'a CID', node)
    return link
  },
})

/** Address as a byte string; the empty address cannot be on the chain. */
export const address = cborShape({
  json: AddressJson,
  toNode(value, path) {
    if (!(value instanceof Address) || value.isEmpty)
      throw expected(path, 'an address', value instanceof Address ? `${value}` : value)
    return value.bytes
  },
  fromNode(node, path, prefix) {
    if (!(node instanceof Uint8Array)) throw expected(path, 'an address', node)
    try {
      return Address.fromBytes(node, prefix)
    } catch (error) {
      throw cborError(path, (error as Error).message, error)
    }
  },
})

/** Big integer as a byte string: nothing for 0, else a sign byte (1 is minus) and the magnitude, big endian. */
export const bigInt = cborShape({
  json: TokenAmount,
  toNode(value, path) {
    if (typeof value !== 'bigint') throw expected(path, 'a big integer', value)
    if (value === 0n) return new Uint8Array()
    const digits = (value < 0n ? -value : value).toString(16)
    const node = Buffer.from(`${value < 0n ? '01' : '00'}${digits.length % 2 === 1 ? '0' : ''}${digits}`, 'hex')
    if (node.length > CBOR_LIMITS.bigIntBytes)
      throw cborError(path, `big integer of ${node.length} bytes, at most ${CBOR_LIMITS.bigIntBytes}`)
    return new Uint8Array(node)
  },
  fromNode(node, path) {
    if (!(node instanceof Uint8Array)) throw expected(path, 'a big integer', node)
    if (node.length > CBOR_LIMITS.bigIntBytes)
      throw cborError(path, `big integer of ${node.length} bytes, at most ${CBOR_LIMITS.bigIntBytes}`)
    if (node.length === 0) return 0n
    if (node[0]! > 1) throw cborError(path, `big integer with sign byte ${node[0]}, expected 0 or 1`)
    if (node.length === 1 || node[1] === 0) throw cborError(path, 'big integer not minimally encoded')
    const magnitude = BigInt(`0x${Buffer.from(node.subarray(1)).toString('hex')}`)
    return node[0] === 1 ? -magnitude : magnitude
  },
})

/** Set of numbers as RLE+ bytes. */
export const bitfield = cborShape({
  json: BitfieldJson,
  toNode(value, path) {
    if (!(value instanceof Bitfield)) throw expected(path, 'a bitfield', value)
    const node = value.toRlePlus()
    if (node.length > CBOR_LIMITS.bitfieldBytes) {
      throw cborError(
        path,
        `bitfield of ${node.length} bytes, at most ${CBOR_LIMITS.bitfieldBytes}: too many separate runs`,
      )
    }
    return node
  },
  fromNode(node, path) {
    if (!(node instanceof Uint8Array)) throw expected(path, 'a bitfield', node)
    if (node.length > CBOR_LIMITS.bitfieldBytes)
      throw cborError(path, `bitfield of ${node.length} bytes, at most ${CBOR_LIMITS.bitfieldBytes}`)
    try {
      return Bitfield.fromRlePlus(node)
    } catch (error) {
      throw cborError(path, (error as Error).message, error)
    }
  },
})

/** List of one shape. Go's nil list is written as an empty one. */
export function array<S extends z.ZodType>(item: Cbor<S>, limit: number = CBOR_LIMITS.listItems) {
  const each = (values: unknown, path: string, map: (value: unknown, path: string) => unknown): unknown[] => {
    if (!Array.isArray(values)) throw expected(path, 'a list', values)
    if (values.length > limit) throw cborError(path, `a list of ${values.length} items, at most ${limit}`)
    return values.map((value, index) => map(value, `${path}[${index}]`))
  }
  return cborShape({
    json: list(item.json),
    toNode: (values, path) => each(values, path, (value, at) => item.toNode(value as z.output<S>, at)),
    fromNode: (node, path, prefix) =>
      each(node, path, (value, at) => item.fromNode(value, at, prefix)) as z.output<S>[],
  })
}

/** Go's pointer: null where there is nothing. In JSON it may be missing, too. */
export function nullable<S extends z.ZodType>(inner: Cbor<S>) {
  const json = z.codec(
    inner.json.nullish(),
    z.custom<z.output<S> | null>(value => value !== undefined),
    {
      decode: value => (value ?? null) as z.output<S> | null,
      encode: value => value as z.output<S>,
    },
  )
  return cborShape({
    json,
    toNode: (value, path) => (value === null ? null : inner.toNode(value, path)),
    fromNode: (node, path, prefix) => (node === null ? null : inner.fromNode(node, path, prefix)),
  })
}

type Fields = { readonly [name: string]: Cbor }
type TupleJson<F extends Fields> = z.ZodObject<{ -readonly [K in keyof F]: F[K]['json'] }>

/** Go's struct: a CBOR list of the fields in this order, and a JSON object with their names. */
export function tuple<const F extends Fields>(fields: F): Cbor<TupleJson<F>> & { readonly fields: F } {
  const entries = Object.entries(fields)
  const at = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)
  const what = `a list of ${entries.length} (${entries.map(([name]) => name).join(', ')})`
  const json = z.object(
    Object.fromEntries(entries.map(([name, field]) => [name, field.json])),
  ) as unknown as TupleJson<F>
  const shape = cborShape<TupleJson<F>>({
    json,
    toNode(value, path) {
      if (typeof value !== 'object' || value === null)
        throw expected(path, `an object of ${Object.keys(fields).join(', ')}`, value)
      const values = value as Record<string, unknown>
      return entries.map(([name, field]) => field.toNode(values[name], at(path, name)))
    },
    fromNode(node, path, prefix) {
      if (!Array.isArray(node) || node.length !== entries.length) throw expected(path, what, node)
      return Object.fromEntries(
        entries.map(([name, field], index) => [name, field.fromNode(node[index], at(path, name), prefix)]),
      ) as z.output<TupleJson<F>>
    },
  })
  return { ...shape, fields }
}
