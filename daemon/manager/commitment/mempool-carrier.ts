import { CID } from 'multiformats/cid'
import type { MsgLookup } from '../../../rpc-schema/chain/receipt.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type SignedMessage, SignedMessageCbor, signedMessageCid } from '../../../rpc-schema/wire/message.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { Carried, Confirm, Fees, HigherFees, MessageCarrier, Reminder, Whereabouts } from './carrier.js'
import type { ChainMessage, MessageContents, NewMessage } from './chain-message.js'
import { fillGas, raisedFees } from './gas-filling.js'
import { searchMessage } from './message-search.js'
import { unsignedMessage } from './unsigned-message.js'

/** Messages through the pool of the node, which fills in nonce and gas and signs. */
export class MempoolCarrier implements MessageCarrier {
  readonly name = 'mempool'
  readonly #node: ChainNode
  /** Whether a message of that CID is accounted for already. */
  readonly #isKnown: (cid: string) => Promise<boolean>

  constructor(node: ChainNode, isKnown: (cid: string) => Promise<boolean>) {
    this.#node = node
    this.#isKnown = isKnown
  }

  async push(intent: NewMessage, fees: Fees, confirm: Confirm): Promise<Carried> {
    const { api } = this.#node
    const message = await fillGas(api, unsignedMessage(intent, fees.gasFeeCap), fees)
    await confirm()
    const signed = await api.MpoolPushMessage(message, {
      // Without a limit of ours the node has one, by which it would lower the cap.
      MaxFee: fees.maxFee ?? message.GasFeeCap * BigInt(message.GasLimit),
      MsgUuid: intent.uuid,
      MaximizeFeeCap: false,
    })
    return { cid: signedMessageCid(signed).toString(), signed: SignedMessageCbor.encode(signed) }
  }

  search(message: ChainMessage & MessageContents, aboveEpoch: number, head: TipSet): Promise<Carried | undefined> {
    return searchMessage(this.#node, { ...message, intentEpoch: aboveEpoch }, head, this.#isKnown)
  }

  async look(message: ChainMessage, head: TipSet): Promise<Whereabouts> {
    let lookup: MsgLookup | null
    try {
      lookup = await this.#node.api.StateSearchMsg(head.Cids, CID.parse(message.cid!), -1, true)
    } catch (error) {
      // A node that never saw the message answers with an error, too; what has landed stays so until it is clearly gone.
      if (!(error instanceof RpcError) || message.state === 'landed') throw error
      lookup = null
    }
    return lookup === null ? { kind: 'waiting' } : { kind: 'landed', height: lookup.Height, receipt: lookup.Receipt }
  }

  async remind(message: ChainMessage & MessageContents, head: TipSet): Promise<Reminder> {
    const { api } = this.#node
    const pending = await api.MpoolPending(head.Cids)
    const own = pending.find(one => signedMessageCid(one).toString() === message.cid)
    if (own !== undefined) {
      // It is only told: when it cannot be found out, the message waits all the same.
      const problem = await this.#nonceGap(own, pending, head).catch(() => undefined)
      return { kind: 'known', ...(problem !== undefined && { problem }) }
    }
    try {
      if (message.signed === null) throw new RpcError(0, 'the signed message is not known here')
      await api.MpoolPush(SignedMessageCbor.decode(message.signed))
      return { kind: 'again' }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      return (await this.#displaced(message, head, error)) ?? { kind: 'refused', why: errorText(error) }
    }
  }

  async raise(message: ChainMessage & MessageContents, fees: HigherFees, head: TipSet): Promise<Carried | undefined> {
    const { api } = this.#node
    const known =
      message.signed === null
        ? (await api.MpoolPending(head.Cids)).find(one => signedMessageCid(one).toString() === message.cid)
        : SignedMessageCbor.decode(message.signed)
    if (known === undefined) return undefined
    const raised = await raisedFees(api, known.Message, fees)
    if (raised === undefined) return undefined
    const signed = await api.WalletSignMessage(raised.From, raised)
    await api.MpoolPush(signed)
    return { cid: signedMessageCid(signed).toString(), signed: SignedMessageCbor.encode(signed) }
  }

  /** A message that waits for one with a lower nonce that nobody has: somebody else uses the sender's wallet, and that message was lost. */
  async #nonceGap(own: SignedMessage, pending: readonly SignedMessage[], head: TipSet): Promise<string | undefined> {
    const { From, Nonce } = own.Message
    const next = (await this.#node.api.StateGetActor(From, head.Cids)).Nonce
    const there = new Set(
      pending.filter(({ Message }) => Message.From.equals(From)).map(({ Message }) => Message.Nonce),
    )
    for (let nonce = next; nonce < Nonce; nonce++) {
      if (!there.has(nonce))
        return `it waits for a message of ${From} with the nonce ${nonce}, which the pool does not have: is the wallet used elsewhere, too? Send any message with that nonce`
    }
    return undefined
  }

  /** What landed in the place of a message that the node does not take again. Only then is it gone. */
  async #displaced(
    message: ChainMessage & MessageContents,
    head: TipSet,
    error: RpcError,
  ): Promise<Reminder | undefined> {
    if (!(await this.#nonceIsUsed(message, head))) return undefined
    // The same with another fee lands under another CID; a node that never saw this one cannot search for it by its CID.
    const isOther = async (cid: string): Promise<boolean> => cid !== message.cid && (await this.#isKnown(cid))
    const found = await searchMessage(this.#node, message, head, isOther)
    if (found === undefined) return { kind: 'gone', why: errorText(error) }
    return found.cid === message.cid ? undefined : { kind: 'found', as: found, by: 'mempool' }
  }

  /** Whether the chain has a message of the sender with this nonce, be it this one or another. */
  async #nonceIsUsed({ sender, cid, signed }: ChainMessage & MessageContents, head: TipSet): Promise<boolean> {
    const { api } = this.#node
    const { Nonce } =
      signed === null ? await api.ChainGetMessage(CID.parse(cid!)) : SignedMessageCbor.decode(signed).Message
    return (await api.StateGetActor(Address.parse(sender), head.Cids)).Nonce > Nonce
  }
}
