import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { address, bigInt, bytes, type CborValue, int, tuple, uint } from './cbor.js'
import { CidJson, chainCid } from './cid.js'
import { SIGNATURE_TYPES, SignatureCbor } from './signature.js'

export { BlockHeader, blockCid } from './block-header.js'

/** A message of the chain, unsigned, as CBOR. */
export const MessageCbor = tuple({
  Version: uint,
  To: address,
  From: address,
  Nonce: uint,
  Value: bigInt,
  GasLimit: int,
  GasFeeCap: bigInt,
  GasPremium: bigInt,
  Method: uint,
  Params: bytes,
})
type MessageValue = CborValue<typeof MessageCbor>

/** CID by which the chain knows a message: the hash of its CBOR without the signature. */
export const messageCid = (message: MessageValue): CID => chainCid(MessageCbor.encode(message))

/** A message that the chain could not hold has no CID: an issue of the schema, like any other bad value. */
function withCid<T extends object>(value: T, cidOf: (value: T) => CID, ctx: z.core.ParsePayload): T & { CID: CID } {
  try {
    return { ...value, CID: cidOf(value) }
  } catch (error) {
    ctx.issues.push({ code: 'custom', input: value, message: (error as Error).message })
    return z.NEVER
  }
}

/**
 * Lotus's JSON of a message. Its CID is written beside the fields, always computed; the one that is read is not believed and not kept.
 */
export const Message = z.codec(
  z.object({ ...MessageCbor.json.shape, CID: CidJson.nullish() }),
  z.custom<MessageValue>(value => typeof value === 'object' && value !== null, 'expected a message'),
  {
    decode: ({ CID: _, ...message }) => message,
    encode: (message, ctx) => withCid(message, messageCid, ctx),
  },
)
export type Message = z.output<typeof Message>

/** A message with its signature, as CBOR. */
export const SignedMessageCbor = tuple({ Message: MessageCbor, Signature: SignatureCbor })
type SignedMessageValue = CborValue<typeof SignedMessageCbor>

/**
 * CID of a signed message. BLS signatures are aggregated in the block, so such a message is known by its unsigned CID; all others by
 * the hash of message and signature together.
 */
export function signedMessageCid(signed: SignedMessageValue): CID {
  return signed.Signature.Type === SIGNATURE_TYPES.bls
    ? messageCid(signed.Message)
    : chainCid(SignedMessageCbor.encode(signed))
}

/** Lotus's JSON of a signed message, its CID computed as in {@link Message}. */
export const SignedMessage = z.codec(
  z.object({ Message, Signature: SignatureCbor.json, CID: CidJson.nullish() }),
  z.custom<SignedMessageValue>(value => typeof value === 'object' && value !== null, 'expected a signed message'),
  {
    decode: ({ CID: _, ...signed }) => signed,
    encode: (signed, ctx) => withCid(signed, signedMessageCid, ctx),
  },
)
export type SignedMessage = z.output<typeof SignedMessage>

/** A message with everything that its signer fills in (nonce, gas) left at 0. Values in attoFIL. */
export const unfilledMessage = ({
  From,
  To,
  Value,
  Method,
  Params,
  GasFeeCap = 0n,
}: Pick<Message, 'From' | 'To' | 'Value' | 'Method' | 'Params'> & { readonly GasFeeCap?: bigint }): Message => ({
  Version: 0,
  To,
  From,
  Nonce: 0,
  Value,
  GasLimit: 0,
  GasFeeCap,
  GasPremium: 0n,
  Method,
  Params,
})
