import { blake2b } from '@noble/hashes/blake2.js'
import { varint } from 'multiformats'
import { base32 } from 'multiformats/bases/base32'
import { z } from 'zod'
import { bytesEqual, toHex } from './bytes.js'

export type NetworkPrefix = 'f' | 't'

/** Protocols of https://spec.filecoin.io/appendix/address/ plus FIP-0048's delegated addresses. */
export const ADDRESS_PROTOCOLS = { id: 0, secp256k1: 1, actor: 2, bls: 3, delegated: 4 } as const
export type AddressProtocol = (typeof ADDRESS_PROTOCOLS)[keyof typeof ADDRESS_PROTOCOLS]

const CHECKSUM_BYTES = 4
const MAX_ID = (1n << 63n) - 1n
/** FIP-0048: the largest sub-address of a delegated address. */
const MAX_SUBADDRESS_BYTES = 54
const EMPTY_TEXT = '<empty>'

/** Payload bytes of the protocols whose payload is a hash or a public key. */
const FIXED_PAYLOAD = new Map<number, { bytes: number; what: string }>([
  [ADDRESS_PROTOCOLS.secp256k1, { bytes: 20, what: 'secp256k1 address' }],
  [ADDRESS_PROTOCOLS.actor, { bytes: 20, what: 'actor address' }],
  [ADDRESS_PROTOCOLS.bls, { bytes: 48, what: 'BLS address' }],
])

export class AddressError extends Error {
  override readonly name = 'AddressError'
}

/**
 * A Filecoin address. Immutable; compares by protocol and payload. The prefix it was read with is only remembered so that it is
 * written back the same; it never takes part in a comparison.
 */
export class Address {
  /** The undefined address, `<empty>` on the wire. */
  static readonly EMPTY = new Address(new Uint8Array(), undefined)

  /** Protocol byte and payload, as on the chain. Empty for {@link Address.EMPTY}. Not to be modified. */
  readonly bytes: Uint8Array
  /** The prefix it was parsed with. */
  declare readonly prefix: NetworkPrefix | undefined

  private constructor(bytes: Uint8Array, prefix: NetworkPrefix | undefined) {
    this.bytes = bytes
    // Hidden from enumeration, so that deep comparisons ignore it too.
    Object.defineProperty(this, 'prefix', { value: prefix, enumerable: false })
  }

  static fromId(id: number | bigint, prefix?: NetworkPrefix): Address {
    if (typeof id === 'number' && !Number.isSafeInteger(id))
      throw new AddressError(`actor id ${id} is not a safe integer`)
    const value = BigInt(id)
    if (value < 0n || value > MAX_ID) throw new AddressError(`actor id ${value} is outside 0…2^63−1`)
    const bytes = [ADDRESS_PROTOCOLS.id as number]
    let rest = value
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
    bytes.push(Number(rest))
    return new Address(Uint8Array.from(bytes), prefix)
  }

  /** f1: the address of an uncompressed secp256k1 public key (65 bytes). */
  static fromSecp256k1Key(publicKey: Uint8Array, prefix?: NetworkPrefix): Address {
    if (publicKey.length !== 65)
      throw new AddressError(`secp256k1 public key has ${publicKey.length} bytes, expected 65`)
    return Address.make(ADDRESS_PROTOCOLS.secp256k1, blake2b(publicKey, { dkLen: 20 }), prefix)
  }

  /** f2: the address of an actor, from the data that its creation hashes. */
  static fromActorData(data: Uint8Array, prefix?: NetworkPrefix): Address {
    return Address.make(ADDRESS_PROTOCOLS.actor, blake2b(data, { dkLen: 20 }), prefix)
  }

  /** f2 from the 20 byte hash itself. */
  static fromActorHash(hash: Uint8Array, prefix?: NetworkPrefix): Address {
    return Address.make(ADDRESS_PROTOCOLS.actor, hash, prefix)
  }

  /** f3: the address of a BLS public key (48 bytes). */
  static fromBlsKey(publicKey: Uint8Array, prefix?: NetworkPrefix): Address {
    return Address.make(ADDRESS_PROTOCOLS.bls, publicKey, prefix)
  }

  /** f4: an address given out by another actor (`namespace`; 10 is the Ethereum account manager). */
  static fromDelegated(namespace: number, subAddress: Uint8Array, prefix?: NetworkPrefix): Address {
    if (!Number.isSafeInteger(namespace) || namespace < 0)
      throw new AddressError(`address namespace ${namespace} is not an actor id`)
    const head = varint.encodeTo(namespace, new Uint8Array(varint.encodingLength(namespace)))
    return Address.make(ADDRESS_PROTOCOLS.delegated, Uint8Array.from([...head, ...subAddress]), prefix)
  }

  /** Reads protocol byte and payload. Throws an {@link AddressError}. */
  static fromBytes(bytes: Uint8Array, prefix?: NetworkPrefix): Address {
    if (bytes.length === 0) throw new AddressError('address of no bytes')
    return Address.make(bytes[0]!, bytes.subarray(1), prefix)
  }

  /** Reads `f…` and `t…` text, and `<empty>`. Throws an {@link AddressError} that says what is wrong. */
  static parse(text: string): Address {
    if (text === EMPTY_TEXT) return Address.EMPTY
    const fail = (reason: string): never => {
      throw new AddressError(
        `address ${JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text)}: ${reason}`,
      )
    }
    const prefix = text[0]
    if (text.length < 3) return fail('too short')
    if (prefix !== 'f' && prefix !== 't') return fail(`unknown network prefix '${prefix}', expected f or t`)
    const protocol = text.charCodeAt(1) - 48
    const rest = text.slice(2)
    if (protocol === ADDRESS_PROTOCOLS.id) {
      if (!/^(0|[1-9]\d*)$/.test(rest)) return fail('an ID address is a decimal number without leading zeros')
      if (rest.length > 19 || BigInt(rest) > MAX_ID) return fail('actor id beyond 2^63−1')
      return Address.fromId(BigInt(rest), prefix)
    }
    if (!(protocol > 0 && protocol <= ADDRESS_PROTOCOLS.delegated)) return fail(`unknown protocol '${text[1]}'`)
    let head = Uint8Array.of()
    let body = rest
    if (protocol === ADDRESS_PROTOCOLS.delegated) {
      const match = /^(0|[1-9]\d{0,15})f(.*)$/.exec(rest)
      if (match === null) return fail('a delegated address is <namespace>f<base32>')
      const namespace = Number(match[1])
      if (!Number.isSafeInteger(namespace)) return fail('address namespace beyond 2^53−1')
      head = varint.encodeTo(namespace, new Uint8Array(varint.encodingLength(namespace))) as Uint8Array<ArrayBuffer>
      body = match[2]!
    }
    if (!/^[a-z2-7]*$/.test(body)) return fail('not lower-case base32')
    let raw: Uint8Array
    try {
      raw = base32.baseDecode(body)
    } catch {
      return fail('wrong length: its base32 ends inside a byte')
    }
    if (raw.length < CHECKSUM_BYTES) return fail('wrong length: shorter than its checksum')
    const split = raw.length - CHECKSUM_BYTES
    const bytes = Uint8Array.from([protocol, ...head, ...raw.subarray(0, split)])
    try {
      check(bytes)
    } catch (error) {
      return fail((error as Error).message)
    }
    if (!bytesEqual(checksum(bytes), raw.subarray(split))) return fail('bad checksum')
    return new Address(bytes, prefix)
  }

  private static make(protocol: number, payload: Uint8Array, prefix: NetworkPrefix | undefined): Address {
    const bytes = new Uint8Array(payload.length + 1)
    bytes[0] = protocol
    bytes.set(payload, 1)
    try {
      check(bytes)
    } catch (error) {
      throw new AddressError(`address bytes ${toHex(bytes.subarray(0, 64))}: ${(error as Error).message}`)
    }
    return new Address(bytes, prefix)
  }

  get isEmpty(): boolean {
    return this.bytes.length === 0
  }

  get isId(): boolean {
    return this.bytes[0] === ADDRESS_PROTOCOLS.id
  }

  /** 0–4, see {@link ADDRESS_PROTOCOLS}. Throws on the empty address. */
  get protocol(): AddressProtocol {
    if (this.isEmpty) throw new AddressError('the empty address has no protocol')
    return this.bytes[0] as AddressProtocol
  }

  get payload(): Uint8Array {
    return this.bytes.slice(1)
  }

  /** Actor number of an ID address. Throws on other kinds and on numbers beyond 2^53−1. */
  get id(): number {
    const id = this.idBig
    if (id > BigInt(Number.MAX_SAFE_INTEGER)) throw new AddressError(`actor id of ${this} is beyond 2^53−1`)
    return Number(id)
  }

  get idBig(): bigint {
    if (!this.isId) throw new AddressError(`${this} is not an ID address`)
    return leb128(this.bytes.subarray(1))
  }

  equals(other: Address): boolean {
    return bytesEqual(this.bytes, other.bytes)
  }

  toString(prefix: NetworkPrefix = 'f'): string {
    if (this.isEmpty) return EMPTY_TEXT
    const { protocol } = this
    if (protocol === ADDRESS_PROTOCOLS.id) return `${prefix}0${this.idBig}`
    const sum = checksum(this.bytes)
    if (protocol === ADDRESS_PROTOCOLS.delegated) {
      const [namespace, length] = varint.decode(this.bytes, 1)
      return `${prefix}4${namespace}f${base32.baseEncode(Uint8Array.from([...this.bytes.subarray(1 + length), ...sum]))}`
    }
    return `${prefix}${protocol}${base32.baseEncode(Uint8Array.from([...this.bytes.subarray(1), ...sum]))}`
  }

  /** As {@link AddressJson} writes it: with the prefix it was parsed with, else f. */
  toJSON(): string {
    return this.toString(this.prefix ?? 'f')
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Address(${this.toJSON()})`
  }
}

const checksum = (bytes: Uint8Array): Uint8Array => blake2b(bytes, { dkLen: CHECKSUM_BYTES })

/** Minimal LEB128 of at most 63 bits. */
function leb128(bytes: Uint8Array): bigint {
  let value = 0n
  for (const [index, byte] of bytes.entries()) {
    value |= BigInt(byte & 0x7f) << BigInt(7 * index)
    if (byte < 0x80) {
      if (index !== bytes.length - 1) throw new Error('bytes after the actor id')
      if (index > 0 && byte === 0) throw new Error('actor id not minimally encoded')
      if (value > MAX_ID) break
      return value
    }
    if (index === 9) break
  }
  throw new Error(value > MAX_ID || bytes.length > 9 ? 'actor id beyond 2^63−1' : 'actor id cut short')
}

/** Throws an Error with the reason when these bytes are no address. */
function check(bytes: Uint8Array): void {
  const protocol = bytes[0]!
  const length = bytes.length - 1
  const fixed = FIXED_PAYLOAD.get(protocol)
  if (fixed !== undefined) {
    if (length !== fixed.bytes)
      throw new Error(`wrong length: ${fixed.what} has ${length} payload bytes, expected ${fixed.bytes}`)
    return
  }
  if (protocol === ADDRESS_PROTOCOLS.id) {
    leb128(bytes.subarray(1))
    return
  }
  if (protocol !== ADDRESS_PROTOCOLS.delegated) throw new Error(`unknown protocol ${protocol}`)
  let namespace: number
  let used: number
  try {
    ;[namespace, used] = varint.decode(bytes, 1)
  } catch {
    throw new Error('address namespace is not a varint of at most 53 bits')
  }
  if (varint.encodingLength(namespace) !== used) throw new Error('address namespace not minimally encoded')
  if (length - used > MAX_SUBADDRESS_BYTES) {
    throw new Error(`wrong length: sub-address has ${length - used} bytes, at most ${MAX_SUBADDRESS_BYTES}`)
  }
}

const AddressValue = z.custom<Address>(value => value instanceof Address, 'expected an Address')

/** Address text <-> {@link Address}; `<empty>` (and `""`, which Go readers take) <-> {@link Address.EMPTY}. */
export const AddressJson = z.codec(z.string(), AddressValue, {
  decode: (text, ctx) => {
    if (text === '') return Address.EMPTY
    try {
      return Address.parse(text)
    } catch (error) {
      ctx.issues.push({ code: 'custom', input: text, message: (error as Error).message })
      return z.NEVER
    }
  },
  encode: address => address.toJSON(),
})
export type AddressJson = z.output<typeof AddressJson>
