import { createECDH } from 'node:crypto'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'

// OpenSSL multiplies the generator, but offers neither a signature over a given digest nor the recovery of a key from one, which is
// what Filecoin's signatures of type 1 are (65 bytes: r, s, recovery id). The rest is below; it serves test money only.

const P = 2n ** 256n - 2n ** 32n - 977n
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const GENERATOR: Point = {
  x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
}

interface Point {
  readonly x: bigint
  readonly y: bigint
}

/** Uncompressed public key (65 bytes) of a private one (32 bytes). */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  const ecdh = createECDH('secp256k1')
  ecdh.setPrivateKey(privateKey)
  return new Uint8Array(ecdh.getPublicKey())
}

/** Signature of a digest of 32 bytes, the nonce drawn as in RFC 6979. */
export function signDigest(digest: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const e = toNumber(digest)
  const d = toNumber(privateKey)
  for (const k of nonces(digest, privateKey)) {
    const point = publicKeyOf(toBytes(k))
    const x = toNumber(point.subarray(1, 33))
    const r = x % N
    let s = mod(invert(k, N) * (e + r * d), N)
    if (r === 0n || s === 0n) continue
    let recovery = (point[64]! & 1) | (x >= N ? 2 : 0)
    if (s > N / 2n) {
      s = N - s
      recovery ^= 1
    }
    return Uint8Array.from([...toBytes(r), ...toBytes(s), recovery])
  }
  throw new Error('no nonce makes a signature')
}

/** The public key that made a signature of this digest; null when no key can have made it. */
export function recoverPublicKey(digest: Uint8Array, signature: Uint8Array): Uint8Array | null {
  const [r, s, recovery] = [toNumber(signature.subarray(0, 32)), toNumber(signature.subarray(32, 64)), signature[64]]
  if (signature.length !== 65 || recovery! > 3 || r === 0n || r >= N || s === 0n || s >= N) return null
  const x = r + (recovery! & 2 ? N : 0n)
  const y = x < P ? squareRoot(mod(x * x * x + 7n, P)) : null
  if (y === null) return null
  const point = { x, y: (y & 1n) === BigInt(recovery! & 1) ? y : P - y }
  const inverse = invert(r, N)
  const key = add(multiply(GENERATOR, mod(-toNumber(digest) * inverse, N)), multiply(point, mod(s * inverse, N)))
  return key === null ? null : Uint8Array.from([4, ...toBytes(key.x), ...toBytes(key.y)])
}

/** RFC 6979 with HMAC-SHA256. */
function* nonces(digest: Uint8Array, privateKey: Uint8Array): Generator<bigint, void, undefined> {
  const seed = [...privateKey, ...toBytes(mod(toNumber(digest), N))]
  let key: Uint8Array = new Uint8Array(32)
  let value: Uint8Array = new Uint8Array(32).fill(1)
  for (const round of [0, 1]) {
    key = hmac(sha256, key, Uint8Array.from([...value, round, ...seed]))
    value = hmac(sha256, key, value)
  }
  for (;;) {
    value = hmac(sha256, key, value)
    const k = toNumber(value)
    if (k > 0n && k < N) yield k
    key = hmac(sha256, key, Uint8Array.from([...value, 0]))
    value = hmac(sha256, key, value)
  }
}

function add(a: Point | null, b: Point | null): Point | null {
  if (a === null) return b
  if (b === null) return a
  if (a.x === b.x && mod(a.y + b.y, P) === 0n) return null
  const slope =
    a.x === b.x ? mod(3n * a.x * a.x * invert(2n * a.y, P), P) : mod((b.y - a.y) * invert(mod(b.x - a.x, P), P), P)
  const x = mod(slope * slope - a.x - b.x, P)
  return { x, y: mod(slope * (a.x - x) - a.y, P) }
}

function multiply(point: Point, factor: bigint): Point | null {
  let sum: Point | null = null
  let power: Point | null = point
  for (let rest = factor; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, power)
    power = add(power, power)
  }
  return sum
}

const mod = (value: bigint, modulus: bigint): bigint => {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

function invert(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [mod(value, modulus), modulus, 1n, 0n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b, x, y] = [b, a % b, y, x - quotient * y]
  }
  return mod(x, modulus)
}

/** Modulo P, which is 3 mod 4; null for what has no root. */
function squareRoot(value: bigint): bigint | null {
  let [root, base] = [1n, value]
  for (let rest = (P + 1n) / 4n; rest > 0n; rest >>= 1n) {
    if (rest & 1n) root = mod(root * base, P)
    base = mod(base * base, P)
  }
  return mod(root * root, P) === value ? root : null
}

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`)
const toBytes = (value: bigint): Uint8Array => new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
