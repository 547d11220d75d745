import { blake2b } from '@noble/hashes/blake2.js'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { MESSAGER_STATE, type MessagerMessage, messagerService } from '../../../rpc-schema/chain/messager.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import { RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { MessageCbor } from '../../../rpc-schema/wire/message.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { Carried, Confirm, Fees, MessageCarrier, Reminder, Whereabouts } from './carrier.js'
import type { ChainMessage, MessageContents, NewMessage } from './chain-message.js'
import { searchMessage } from './message-search.js'
import { unsignedMessage } from './unsigned-message.js'

const RAW = 0x55
const BLAKE2B_512 = 0xb240

/**
 * The id under which a message is given to the messager: in the form of damocles's, a CIDv1 (raw, blake2b-512), but over the intent's own key
 * instead of a counter. So an intent has one id, whatever is restarted, and another intent with the same contents has another.
 */
export function messagerId(intent: Omit<NewMessage, 'sectors'>): string {
  const contents = MessageCbor.encode(unsignedMessage(intent, 0n))
  const key = new TextEncoder().encode(intent.uuid)
  const hash = blake2b(new Uint8Array([...key, ...contents]), { dkLen: 64 })
  return CID.createV1(RAW, Digest.create(BLAKE2B_512, hash)).toString()
}

/** Messages through a Venus messager, which fills in, signs, sends, and replaces what is stuck. */
export class MessagerCarrier implements MessageCarrier {
  readonly name = 'messager'
  readonly #api: Client<typeof messagerService.methods>
  readonly #node: ChainNode
  /** Whether a message of that CID is accounted for already. */
  readonly #isKnown: (cid: string) => Promise<boolean>

  constructor(connection: Connection, node: ChainNode, isKnown: (cid: string) => Promise<boolean>) {
    this.#api = rpcClient(messagerService, connection)
    this.#node = node
    this.#isKnown = isKnown
  }

  async push(intent: Omit<NewMessage, 'sectors'>, fees: Fees, confirm: Confirm): Promise<Carried> {
    const id = messagerId(intent)
    await confirm()
    const given = await this.#api.PushMessageWithId(id, unsignedMessage(intent, fees.gasFeeCap), {
      expireEpoch: 0,
      gasOverEstimation: fees.gasOverEstimation,
      maxFee: fees.maxFee ?? null,
      gasOverPremium: fees.gasOverPremium,
    })
    if (given !== id) throw new Error(`the messager took the message as ${given}, expected ${id}`)
    return { cid: id, signed: null }
  }

  async search(message: ChainMessage & MessageContents): Promise<Carried | undefined> {
    const id = messagerId(message)
    return (await this.#api.HasMessageByUid(id)) ? { cid: id, signed: null } : undefined
  }

  async look(message: ChainMessage): Promise<Whereabouts> {
    let found: MessagerMessage
    try {
      found = await this.#api.GetMessageByUid(message.cid!)
    } catch (error) {
      if (!(error instanceof RpcError) || message.state === 'landed') throw error
      // Most likely it does not know the message; `remind` finds out.
      return { kind: 'waiting' }
    }
    switch (found.State) {
      case MESSAGER_STATE.onChain:
      case MESSAGER_STATE.replaced:
        return found.Receipt === null
          ? { kind: 'waiting' }
          : { kind: 'landed', height: found.Height, receipt: found.Receipt }
      case MESSAGER_STATE.failed:
        return { kind: 'failed', why: found.ErrorMsg || 'the messager has given the message up' }
      default:
        return { kind: 'waiting' }
    }
  }

  async remind(message: ChainMessage & MessageContents, head: TipSet): Promise<Reminder> {
    if (await this.#api.HasMessageByUid(message.cid!)) return { kind: 'known' }
    // It may have signed and sent the message before it lost it.
    const found = await searchMessage(this.#node, message, head, this.#isKnown)
    if (found !== undefined) return { kind: 'found', as: found, by: 'mempool' }
    return { kind: 'gone', why: 'the messager does not know the message any more: has its database been replaced?' }
  }
}
