import { blake2b } from '@noble/hashes/blake2.js'
import { ADDRESS_PROTOCOLS, Address } from '../../../rpc-schema/wire/address.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { type Message, messageCid, type SignedMessage } from '../../../rpc-schema/wire/message.js'
import { SIGNATURE_TYPES, type Signature } from '../../../rpc-schema/wire/signature.js'
import { publicKeyOf, recoverPublicKey, signDigest } from './secp256k1.js'

const digestOf = (bytes: Uint8Array): Uint8Array => blake2b(bytes, { dkLen: 32 })

/** The keys of the node. Every account that the network starts with is among them, made from the network's seed. */
export class Wallet {
  readonly #keys = new Map<string, { address: Address; privateKey: Uint8Array }>()

  /** The key of a name: always the same for one seed. */
  derive(seed: string, name: string): Address {
    const privateKey = digestOf(new TextEncoder().encode(`sealyard devnet key ${seed}/${name}`))
    const address = Address.fromSecp256k1Key(publicKeyOf(privateKey), 't')
    this.#keys.set(address.toString(), { address, privateKey })
    return address
  }

  has(address: Address): boolean {
    return this.#keys.has(address.toString())
  }

  list(): Address[] {
    return [...this.#keys.values()].map(key => key.address)
  }

  /** Throws for an address whose key is not here. */
  sign(address: Address, bytes: Uint8Array): Signature {
    const key = this.#keys.get(address.toString())
    if (key === undefined) throw new Error(`no key for ${address.toString('t')} in the wallet: key not found`)
    return { Type: SIGNATURE_TYPES.secp256k1, Data: signDigest(digestOf(bytes), key.privateKey) }
  }

  signMessage(address: Address, message: Message): SignedMessage {
    return { Message: message, Signature: this.sign(address, messageCid(message).bytes) }
  }
}

/** Why a signature of a message by this key address is not accepted; null when it is. */
export function signatureProblem(
  { Message: message, Signature: signature }: SignedMessage,
  signer: Address,
): string | null {
  const cid = messageCid(message)
  const refuse = (why: string): string => `invalid signature for message ${cid} (type ${signature.Type}): ${why}`
  if (signature.Type !== SIGNATURE_TYPES.secp256k1 || signer.protocol !== ADDRESS_PROTOCOLS.secp256k1) {
    return refuse('this chain has accounts with secp256k1 keys only')
  }
  return isSignedBy(signer, cid.bytes, signature) ? null : refuse('signature did not match')
}

/** Whether the key of this address has signed these bytes. */
export function isSignedBy(signer: Address, bytes: Uint8Array, { Type, Data }: Signature): boolean {
  if (Type !== SIGNATURE_TYPES.secp256k1 || signer.protocol !== ADDRESS_PROTOCOLS.secp256k1) return false
  const key = recoverPublicKey(digestOf(bytes), Data)
  return key !== null && bytesEqual(Address.fromSecp256k1Key(key).bytes, signer.bytes)
}
