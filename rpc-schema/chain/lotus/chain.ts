import { z } from 'zod'
import { channel, method, param } from '../../rpc/method.js'
import { Base64Bytes } from '../../wire/bytes.js'
import { CidJson } from '../../wire/cid.js'
import { list } from '../../wire/list.js'
import { Message } from '../../wire/message.js'
import { ChainEpoch } from '../../wire/numbers.js'
import { TipSetKey } from '../../wire/tipset-key.js'
import { TokenAmount } from '../../wire/token-amount.js'
import { ApiMessage, BlockMessages, MessageReceipt } from '../receipt.js'
import { HeadChange, TipSet } from '../tipset.js'

const tsk = param('tsk', TipSetKey)
const cid = param('cid', CidJson)
const height = param('height', ChainEpoch)

/** Blocks, tipsets and messages. */
export const chainMethods = {
  ChainHead: method('The heaviest tipset.', [], TipSet),
  ChainNotify: channel('Changes of the head, beginning with the present one.', [], list(HeadChange)),
  ChainGetGenesis: method('The first tipset.', [], TipSet),
  ChainGetTipSet: method('The tipset of a key.', [tsk], TipSet),
  ChainGetTipSetByHeight: method(
    'The tipset at a height, or the last one before it when the height is a null round.',
    [height, tsk],
    TipSet,
  ),
  ChainGetTipSetAfterHeight: method(
    'The tipset at a height, or the first one after it when the height is a null round.',
    [height, tsk],
    TipSet,
  ),
  ChainTipSetWeight: method('The weight of a tipset.', [tsk], TokenAmount),
  ChainGetMessage: method('A message by its CID.', [cid], Message),
  ChainGetBlockMessages: method('The messages of a block.', [cid], BlockMessages),
  ChainGetParentMessages: method('The messages of the parents of a block.', [cid], list(ApiMessage)),
  ChainGetParentReceipts: method(
    'The receipts of the messages of the parents of a block.',
    [cid],
    list(MessageReceipt),
  ),
  ChainReadObj: method('The bytes of an object of the chain or the state.', [cid], Base64Bytes),
  ChainHasObj: method('Whether the node has an object.', [cid], z.boolean()),
} as const
