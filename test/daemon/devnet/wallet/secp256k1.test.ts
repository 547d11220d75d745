import { createPublicKey, verify } from 'node:crypto'
import { sha256 } from '@noble/hashes/sha2.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { publicKeyOf, recoverPublicKey, signDigest } from '../../../../daemon/devnet/wallet/secp256k1.js'
import { toHex } from '../../../../rpc-schema/wire/bytes.js'

const privateKey = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .filter(key => key[0]! < 0xff && key.some(byte => byte > 0))

/** The public key as OpenSSL reads it. */
const opensslKey = (key: Uint8Array) => {
  const head = Buffer.from('3056301006072a8648ce3d020106052b8104000a034200', 'hex')
  return createPublicKey({ key: Buffer.concat([head, key]), format: 'der', type: 'spki' })
}

describe('devnet/wallet: secp256k1', () => {
  it('signs so that OpenSSL agrees, and the key comes back out of the signature', () => {
    fc.assert(
      fc.property(privateKey, fc.uint8Array({ maxLength: 100 }), (secret, message) => {
        const digest = sha256(message)
        const signature = signDigest(digest, secret)
        const key = publicKeyOf(secret)
        // OpenSSL takes the message and hashes it itself.
        const plain = { key: opensslKey(key), dsaEncoding: 'ieee-p1363' } as const
        expect(verify('sha256', message, plain, signature.subarray(0, 64))).to.equal(true)
        expect(recoverPublicKey(digest, signature)).to.deep.equal(key)
      }),
      { numRuns: 30 },
    )
  })

  it('draws the nonce of RFC 6979', () => {
    // A test vector that many implementations share: key 1, "Satoshi Nakamoto".
    const secret = Uint8Array.from([...new Uint8Array(31), 1])
    const signature = signDigest(sha256(new TextEncoder().encode('Satoshi Nakamoto')), secret)
    expect(toHex(signature.subarray(0, 64))).to.equal(
      '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8' +
        '2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
    )
  })

  it('recovers nothing, or another key, from what is no signature', () => {
    const digest = sha256(Uint8Array.of(1))
    const secret = new Uint8Array(32).fill(5)
    const good = signDigest(digest, secret)
    expect(recoverPublicKey(digest, good.subarray(0, 64))).to.equal(null)
    expect(recoverPublicKey(digest, new Uint8Array(65))).to.equal(null)
    expect(recoverPublicKey(digest, Uint8Array.from([...good.subarray(0, 64), 9]))).to.equal(null)
    expect(recoverPublicKey(sha256(Uint8Array.of(2)), good)).to.not.deep.equal(publicKeyOf(secret))
  })
})
