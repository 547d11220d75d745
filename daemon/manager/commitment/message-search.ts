import type { CID } from 'multiformats/cid'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { type Message, SignedMessageCbor, signedMessageCid } from '../../../rpc-schema/wire/message.js'
import type { ChainNode } from '../chain/chain-node.js'
import { CHAIN_FINALITY } from '../chain/head-tracker.js'
import type { ChainMessage, MessageContents } from './chain-message.js'

/** A message that was meant to be sent, found at the node. */
export interface FoundMessage {
  readonly cid: string
  /** CBOR of the signed message, where the node still shows it. */
  readonly signed: Uint8Array | null
}

type Intent = Pick<ChainMessage, 'sender' | 'receiver' | 'method' | 'value' | 'intentEpoch'> &
  Pick<MessageContents, 'params'>

/**
 * Looks for a message of which it is not known whether the node took it: among the pending ones, then in the blocks since the intent was written
 * down. `isKnown` excludes messages that are accounted for already.
 */
export async function searchMessage(
  node: ChainNode,
  intent: Intent,
  head: TipSet,
  isKnown: (cid: string) => Promise<boolean>,
): Promise<FoundMessage | undefined> {
  const receiver = Address.parse(intent.receiver)
  const senders = await namesOf(node, Address.parse(intent.sender))
  const matches = (message: Message): boolean =>
    message.Method === intent.method &&
    message.To.equals(receiver) &&
    message.Value === intent.value &&
    bytesEqual(message.Params, intent.params) &&
    senders.some(sender => sender.equals(message.From))
  for (const signed of await node.api.MpoolPending(head.Cids)) {
    if (!matches(signed.Message)) continue
    const cid = signedMessageCid(signed).toString()
    if (!(await isKnown(cid))) return { cid, signed: SignedMessageCbor.encode(signed) }
  }
  for await (const { cid, message } of messagesSince(node, intent.intentEpoch, head)) {
    if (matches(message) && !(await isKnown(cid.toString()))) return { cid: cid.toString(), signed: null }
  }
  return undefined
}

/** An account's address as given and, where that is its id, its key address, which a node puts in its place. */
async function namesOf(node: ChainNode, account: Address): Promise<Address[]> {
  return account.isId ? [account, await node.api.StateAccountKey(account, [])] : [account]
}

/** The messages of all blocks above an epoch, from the head back; not further than what can still change. */
async function* messagesSince(
  node: ChainNode,
  epoch: number,
  head: TipSet,
): AsyncGenerator<{ cid: CID; message: Message }> {
  const lowest = Math.max(epoch, head.Height - CHAIN_FINALITY)
  for (let tipset = head; tipset.Height > lowest; ) {
    for (const block of tipset.Cids) {
      const { BlsMessages, SecpkMessages, Cids } = await node.api.ChainGetBlockMessages(block)
      const messages = [...BlsMessages, ...SecpkMessages.map(signed => signed.Message)]
      for (const [index, message] of messages.entries()) yield { cid: Cids[index]!, message }
    }
    const parents = tipset.Blocks[0]?.Parents ?? []
    if (parents.length === 0) return
    tipset = await node.api.ChainGetTipSet(parents)
  }
}
