import { bytesToHex } from '@noble/hashes/utils.js'
import { z } from 'zod'

const RawBytes = z.custom<Uint8Array>(value => value instanceof Uint8Array, 'expected bytes (Uint8Array)')

/** Small buffers of Node share one pooled memory; only large ones may be viewed without a copy. */
const POOLED_BYTES = 1 << 13

function plain(buffer: Buffer): Uint8Array {
  return buffer.length < POOLED_BYTES
    ? new Uint8Array(buffer)
    : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const toBase64 = (bytes: Uint8Array): string => toBuffer(bytes).toString('base64')

/** Standard, padded base64 only. Throws a RangeError that tells what is wrong. */
export function fromBase64(text: string): Uint8Array {
  const buffer = Buffer.from(text, 'base64')
  if (buffer.toString('base64') !== text) throw new RangeError(`not standard base64 with padding: ${excerpt(text)}`)
  return plain(buffer)
}

export const toHex = (bytes: Uint8Array): string => bytesToHex(bytes)

/** Accepts an optional `0x`. Throws a RangeError that tells what is wrong. */
export function fromHex(text: string): Uint8Array {
  const digits = text.startsWith('0x') ? text.slice(2) : text
  if (digits.length % 2 !== 0) throw new RangeError(`hex of odd length (${digits.length} digits): ${excerpt(text)}`)
  const at = digits.search(/[^0-9a-fA-F]/)
  if (at >= 0) throw new RangeError(`not a hex digit at position ${at}: ${excerpt(text)}`)
  return plain(Buffer.from(digits, 'hex'))
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && toBuffer(a).equals(toBuffer(b))
}

const excerpt = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

const Base64Text = z.string().meta({ contentEncoding: 'base64' })

function decodeBase64(text: string, ctx: z.core.ParsePayload): Uint8Array {
  try {
    return fromBase64(text)
  } catch (error) {
    ctx.issues.push({ code: 'custom', input: text, message: (error as Error).message })
    return z.NEVER
  }
}

/** Go's `[]byte` that is never nil: base64 text <-> bytes. */
export const Base64Bytes = z.codec(Base64Text, RawBytes, { decode: decodeBase64, encode: toBase64 })
export type Base64Bytes = z.output<typeof Base64Bytes>

/** Go's `[]byte` with nil kept apart from empty: null <-> null. */
export const nullableBytes = Base64Bytes.nullable()

/** Go's `[]byte` where nil means empty: null, missing and `""` decode to no bytes; no bytes encode to null. */
export const emptyableBytes = z.codec(Base64Text.nullish(), RawBytes, {
  decode: (text, ctx) => (text ? decodeBase64(text, ctx) : new Uint8Array()),
  encode: bytes => (bytes.length === 0 ? null : toBase64(bytes)),
})

const Byte = z.int().min(0).max(255)

/** Go's `[32]byte`, a commitment or a seed: 32 numbers <-> 32 bytes. */
export const Commitment = z.codec(
  z.array(Byte).length(32),
  RawBytes.refine(bytes => bytes.length === 32, 'expected exactly 32 bytes'),
  { decode: numbers => Uint8Array.from(numbers), encode: bytes => Array.from(bytes) },
)
export type Commitment = z.output<typeof Commitment>

/** Rust's `Vec<u8>` and Go's `[N]byte`: numbers 0–255, any length <-> bytes. */
export const ByteArray = z.codec(z.array(z.number()), RawBytes, {
  decode: (numbers, ctx) => {
    const bytes = Uint8Array.from(numbers)
    // One pass over possibly megabytes: a schema per element would cost more than the data.
    const at = numbers.findIndex((value, index) => value !== bytes[index])
    if (at < 0) return bytes
    ctx.issues.push({
      code: 'custom',
      input: numbers[at],
      path: [at],
      message: `expected a byte (0–255), found ${numbers[at]}`,
    })
    return z.NEVER
  },
  encode: bytes => Array.from(bytes),
})
export type ByteArray = z.output<typeof ByteArray>
