import type { CID } from 'multiformats/cid'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { BlockHeader } from '../../../rpc-schema/wire/block-header.js'
import type { SignedMessage } from '../../../rpc-schema/wire/message.js'
import type { StateTree } from '../state/state-tree.js'

/** Outcome of a message. */
export interface Receipt {
  readonly exitCode: number
  readonly returnValue: Uint8Array
  readonly gasUsed: number
}

/** A message in a tipset, with what the chain must know of it again and again. */
export interface IncludedMessage {
  /** CID by which the chain knows it: of the signed form, except for BLS signatures. */
  readonly cid: CID
  readonly signed: SignedMessage
  /** Actor id of the sender. */
  readonly from: number
}

/** One block's tipset: this chain has one block producer. */
export interface ChainTipSet {
  readonly cid: CID
  readonly header: BlockHeader
  readonly messages: readonly IncludedMessage[]
  /** State before the messages of this tipset: what queries at this tipset see. */
  readonly state: StateTree
  /** Receipts of the parent's messages. */
  readonly parentReceipts: readonly Receipt[]
}

export const heightOf = (tipset: ChainTipSet): number => tipset.header.Height

/** The tipset as the API shows it. */
export const toWire = ({ cid, header }: Pick<ChainTipSet, 'cid' | 'header'>): TipSet => ({
  Cids: [cid],
  Blocks: [header],
  Height: header.Height,
})
