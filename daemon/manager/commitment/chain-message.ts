import type { MessageReceipt } from '../../../rpc-schema/chain/receipt.js'
import type { CarrierName } from './carrier.js'

/**
 * What a message is for: the two of a new sector, the end of one, its upgrade, a longer life, and what an operator sends, a
 * window proof, and sectors that are said to be well again. The room that owns a kind says what its outcome changes: {@link MessageEffects}.
 */
export const MESSAGE_KINDS = ['pre', 'prove', 'terminate', 'update', 'extend', 'operator', 'post', 'recover'] as const
export type MessageKind = (typeof MESSAGE_KINDS)[number]

/**
 * | state    | meaning                                                                   | next                      |
 * |----------|---------------------------------------------------------------------------|---------------------------|
 * | intended | written down; whether the node has it is not known                         | pushed, refused, lost     |
 * | pushed   | the node has it, under `cid`                                               | landed, dropped           |
 * | landed   | executed on the chain, with a receipt; a reorg takes it back               | pushed                    |
 * | refused  | the node did not take it; its sectors wait for another message             | –                         |
 * | lost     | the answer to the push was lost and the node proved not to have it         | –                         |
 * | dropped  | the node had it, has forgotten it, and does not take it again              | –                         |
 */
export type MessageState = 'intended' | 'pushed' | 'landed' | 'refused' | 'lost' | 'dropped'

/** A message as it was meant to be sent, and what became of it. */
export interface ChainMessage {
  readonly id: number
  readonly kind: MessageKind
  /** The miner that it concerns; 0 when it concerns none. */
  readonly miner: number
  /** A key by which the node recognises a message that it was given before. */
  readonly uuid: string
  readonly state: MessageState
  readonly carrier: CarrierName
  readonly sender: string
  readonly receiver: string
  readonly method: number
  readonly value: bigint
  /** Height of the head when it was written down: it cannot be on the chain at or below this. */
  readonly intentEpoch: number
  /** By which its carrier knows it: the CID of the signed message, or the messager's id. */
  readonly cid: string | null
  readonly pushedEpoch: number | null
  /** Height of the tipset after the one that contains it. */
  readonly height: number | null
  readonly receipt: MessageReceipt | null
  readonly error: string | null
  /** It has landed as deep as its kind demands, and its owner has been told. */
  readonly settled: boolean
  /** Numbers of its sectors, in the order of its parameters; none for a message that is about something else. */
  readonly sectors: readonly number[]
  /** Exit codes of the sectors where the receipt tells them one by one, in the same order. */
  readonly sectorCodes: readonly (number | null)[]
}

/** What may be large of a message; it is read only where it is needed. */
export interface MessageContents {
  readonly params: Uint8Array
  /** CBOR of the signed message, to be given to the node again when it has forgotten it. */
  readonly signed: Uint8Array | null
}

export type NewMessage = Pick<
  ChainMessage & MessageContents,
  | 'kind'
  | 'miner'
  | 'uuid'
  | 'carrier'
  | 'sender'
  | 'receiver'
  | 'method'
  | 'value'
  | 'params'
  | 'intentEpoch'
  | 'sectors'
>

export const isInFlight = (message: ChainMessage): boolean => message.state === 'intended' || message.state === 'pushed'
