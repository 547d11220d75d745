import type { CID } from 'multiformats/cid'
import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { BlockHeaderCbor } from '../../../rpc-schema/wire/block-header.js'
import { MessageCbor, messageCid, SignedMessageCbor } from '../../../rpc-schema/wire/message.js'
import { SIGNATURE_TYPES } from '../../../rpc-schema/wire/signature.js'
import type { TipSetKey } from '../../../rpc-schema/wire/tipset-key.js'
import type { Chain } from '../chain/chain.js'
import { weightAfter } from '../chain/header.js'
import { type MessageSearch, receiptToWire } from '../chain/message-search.js'
import { type ChainTipSet, heightOf, type IncludedMessage, toWire } from '../chain/tipset.js'
import type { StoredTipSet } from '../persistence/chain-repository.js'
import { nodeError, tipsetOf } from './lookup.js'

type Methods = typeof lotusService.methods
type ChainApi = Pick<Handlers<Methods>, Extract<keyof Methods, `Chain${string}`>>

export function chainApi(chain: Chain, search: MessageSearch): ChainApi {
  return {
    ChainHead: () => toWire(chain.head),
    ChainNotify: () => chain.feed.listen(chain.head),
    async ChainGetGenesis() {
      return storedToWire((await chain.repository.atOrBelow(0))!)
    },
    ChainGetTipSet: key => anyTipSet(chain, key),
    async ChainGetTipSetByHeight(height, key) {
      const from = tipsetOf(chain, key)
      refuseFuture(height, from)
      const near = chain.tipsetAtOrBelow(from, height)
      return near === undefined ? storedToWire((await chain.repository.atOrBelow(height))!) : toWire(near)
    },
    async ChainGetTipSetAfterHeight(height, key) {
      const from = tipsetOf(chain, key)
      refuseFuture(height, from)
      const near = chain.isCanonical(from) ? chain.above(height - 1) : undefined
      if (near !== undefined) return toWire(near)
      return storedToWire((await chain.repository.atOrAbove(height))!)
    },
    ChainTipSetWeight: key => weightAfter(tipsetOf(chain, key)),
    async ChainGetMessage(cid) {
      return (await search.message(cid)).signed.Message
    },
    async ChainGetBlockMessages(block) {
      const messages = await messagesOf(chain, block)
      return {
        BlsMessages: messages.filter(isBls).map(({ signed }) => signed.Message),
        SecpkMessages: messages.filter(message => !isBls(message)).map(({ signed }) => signed),
        Cids: messages.map(({ cid }) => cid),
      }
    },
    async ChainGetParentMessages(block) {
      const { Parents } = await headerOf(chain, block)
      const parent = Parents[0]!
      if (!(await isKnown(chain, parent))) return []
      return (await messagesOf(chain, parent)).map(({ cid, signed }) => ({ Cid: cid, Message: signed.Message }))
    },
    async ChainGetParentReceipts(block) {
      const near = chain.known(block)
      if (near !== undefined) return near.parentReceipts.map(receiptToWire)
      const { Height } = await headerOf(chain, block)
      const parent = await chain.repository.atOrBelow(Height - 1)
      if (parent === undefined) return []
      const landed = await chain.repository.landedAt(parent.header.Height)
      return landed.flatMap(({ receipt }) => receipt ?? []).map(receiptToWire)
    },
    async ChainReadObj(cid) {
      const object = await readObject(chain, cid)
      if (object === undefined) throw nodeError(`blockstore get: ipld: could not find ${cid}`)
      return object
    },
    async ChainHasObj(cid) {
      return (await readObject(chain, cid)) !== undefined
    },
  }
}

const isBls = ({ signed }: Pick<IncludedMessage, 'signed'>): boolean => signed.Signature.Type === SIGNATURE_TYPES.bls

function refuseFuture(height: number, from: ChainTipSet): void {
  if (height <= heightOf(from)) return
  throw nodeError(`looking for tipset with height greater than start point, req: ${height}, head: ${heightOf(from)}`)
}

async function anyTipSet(chain: Chain, key: TipSetKey): Promise<TipSet> {
  if (key.length === 0) return toWire(chain.head)
  if (key.length > 1) throw nodeError(`get block ${key[1]}: ipld: could not find ${key[1]}`)
  const near = chain.known(key[0]!)
  if (near !== undefined) return toWire(near)
  const stored = await chain.repository.byCid(key[0]!)
  if (stored === undefined) throw nodeError(`get block ${key[0]}: ipld: could not find ${key[0]}`)
  return storedToWire(stored)
}

const storedToWire = ({ header, cid }: StoredTipSet): TipSet => ({
  Cids: [cid],
  Blocks: [header],
  Height: header.Height,
})

async function headerOf(chain: Chain, block: CID): Promise<ChainTipSet['header']> {
  return (await anyTipSet(chain, [block])).Blocks[0]!
}

const isKnown = async (chain: Chain, block: CID): Promise<boolean> =>
  chain.known(block) !== undefined || (await chain.repository.byCid(block)) !== undefined

async function messagesOf(chain: Chain, block: CID): Promise<readonly Pick<IncludedMessage, 'cid' | 'signed'>[]> {
  const near = chain.known(block)
  if (near !== undefined) return near.messages
  const { Height } = await headerOf(chain, block)
  return await chain.repository.landedAt(Height)
}

/** Blocks and messages; the actors' state is not kept as objects of the chain. */
async function readObject(chain: Chain, cid: CID): Promise<Uint8Array | undefined> {
  const header = chain.known(cid)?.header ?? (await chain.repository.byCid(cid))?.header
  if (header !== undefined) return BlockHeaderCbor.encode(header)
  const message = await chain.repository.message(cid)
  if (message === undefined) return undefined
  return messageCid(message.signed.Message).equals(cid)
    ? MessageCbor.encode(message.signed.Message)
    : SignedMessageCbor.encode(message.signed)
}
