import { secp256k1 } from '@noble/curves/secp256k1.js'

// Filecoin's signatures of type 1 are 65 bytes, r, s, recovery id, over a digest of 32 bytes; the library puts the recovery id first.

const OVER_DIGEST = { prehash: false } as const

/** Uncompressed public key (65 bytes) of a private one (32 bytes). */
export const publicKeyOf = (privateKey: Uint8Array): Uint8Array => secp256k1.getPublicKey(privateKey, false)

/** Signature of a digest of 32 bytes, the nonce drawn as in RFC 6979. */
export function signDigest(digest: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const signature = secp256k1.sign(digest, privateKey, { ...OVER_DIGEST, format: 'recovered' })
  return Uint8Array.from([...signature.subarray(1), signature[0]!])
}

/** The public key (uncompressed) that made a signature of this digest; null when no key can have made it. */
export function recoverPublicKey(digest: Uint8Array, signature: Uint8Array): Uint8Array | null {
  if (signature.length !== 65) return null
  try {
    const recovered = Uint8Array.from([signature[64]!, ...signature.subarray(0, 64)])
    const key = secp256k1.recoverPublicKey(recovered, digest, OVER_DIGEST)
    return secp256k1.Point.fromBytes(key).toBytes(false)
  } catch {
    return null
  }
}
