import type { MessageReceipt } from '../../../rpc-schema/chain/receipt.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { ChainMessage, MessageContents, NewMessage } from './chain-message.js'

/** What takes messages to the chain: the node's own pool, or a Venus messager. */
export type CarrierName = 'mempool' | 'messager'

/** What a message may cost. The factors are for those who estimate by them: a node has its own. */
export interface Fees {
  /** attoFIL for a unit of gas; 0 leaves it to the carrier. */
  readonly gasFeeCap: bigint
  /** The gas limit is the estimate times this. */
  readonly gasOverEstimation: number
  /** The premium is the estimate times this; 0: as estimated. */
  readonly gasOverPremium: number
  /** attoFIL for the whole message; lowers the fee cap where that is needed. */
  readonly maxFee?: bigint
}

/** A message as its carrier has it. */
export interface Carried {
  /** By which it is found again: the CID of the signed message, or the messager's id, which has the form of a CID. */
  readonly cid: string
  /** CBOR of the signed message, where it is known. */
  readonly signed: Uint8Array | null
}

export type Whereabouts =
  /** Executed; `height` is that of the tipset after the one that contains it. */
  | { readonly kind: 'landed'; readonly height: number; readonly receipt: MessageReceipt }
  | { readonly kind: 'waiting' }
  /** It will never land. */
  | { readonly kind: 'failed'; readonly why: string }

export type Reminder =
  /** It has it; `problem` is why it does not land, where that can be seen. */
  | { readonly kind: 'known'; readonly problem?: string }
  /** The carrier had forgotten it and has it again; it cannot land twice. */
  | { readonly kind: 'again' }
  /** The same call lands, or has landed, under another CID, by which this carrier knows it. */
  | { readonly kind: 'found'; readonly as: Carried; readonly by: CarrierName }
  | { readonly kind: 'gone'; readonly why: string }
  /** Not taken now; it is asked again later. */
  | { readonly kind: 'refused'; readonly why: string }

/** What a message that waits too long may cost instead. */
export interface HigherFees {
  /** The premium is raised to at least the usual one times this. */
  readonly premiumFactor: number
  /** attoFIL for a unit of gas: the cap is raised to it where it is lower. */
  readonly feeCap: bigint
  /** attoFIL for the whole message, over which nothing is raised. */
  readonly maxFee: bigint
}

/** To be asked right before a message leaves: throws a {@link TakenOver} when it must not any more. */
export type Confirm = () => Promise<void>

/** Another manager on the same database has given the message up, since nothing was heard of this one for long: it may send another for the same. */
export class TakenOver extends Error {
  constructor() {
    super('another manager has taken the message over while this one stood still: it is not sent from here')
  }
}

export interface MessageCarrier {
  readonly name: CarrierName
  /** Gives a message away. An RpcError is the carrier's refusal or failure; any other error leaves open whether it has the message. */
  push(intent: NewMessage, fees: Fees, confirm: Confirm): Promise<Carried>
  /** Looks for a message of which it is not known whether the carrier took it. `aboveEpoch`: it cannot be in blocks at or below. */
  search(message: ChainMessage & MessageContents, aboveEpoch: number, head: TipSet): Promise<Carried | undefined>
  look(message: ChainMessage, head: TipSet): Promise<Whereabouts>
  /** For a message that is neither executed nor heard of for long. */
  remind(message: ChainMessage & MessageContents, head: TipSet): Promise<Reminder>
  /**
   * Puts the same call with the same nonce and higher fees in the place of a message that waits; undefined when it is as dear as it may be. Whichever
   * of the two lands, the other cannot. Absent where the carrier sees to that by itself.
   */
  raise?(message: ChainMessage & MessageContents, fees: HigherFees, head: TipSet): Promise<Carried | undefined>
}
