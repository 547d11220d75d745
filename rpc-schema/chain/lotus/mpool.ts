import { method, param } from '../../rpc/method.js'
import { orNull } from '../../rpc/zero-value.js'
import { AddressJson } from '../../wire/address.js'
import { CidJson } from '../../wire/cid.js'
import { list } from '../../wire/list.js'
import { Message, SignedMessage } from '../../wire/message.js'
import { ChainEpoch, Int64, Uint64 } from '../../wire/numbers.js'
import { TipSetKey } from '../../wire/tipset-key.js'
import { TokenAmount } from '../../wire/token-amount.js'
import { MessageCheckStatus, MessageSendSpec } from '../gas.js'
import { MpoolConfig } from '../node.js'

const tsk = param('tsk', TipSetKey)
const message = param('message', Message)
const spec = param('spec', orNull(MessageSendSpec))

/** Pending messages, and what they cost. */
export const mpoolMethods = {
  MpoolPushMessage: method(
    'Gives a message a nonce and gas, signs it with the node’s key and sends it. Calling twice sends twice.',
    [message, spec],
    SignedMessage,
    { permission: 'sign' },
  ),
  MpoolBatchPushMessage: method(
    'MpoolPushMessage for several messages.',
    [param('messages', list(Message)), spec],
    list(SignedMessage),
    {
      permission: 'sign',
    },
  ),
  MpoolPush: method('Sends a signed message.', [param('message', SignedMessage)], CidJson, { permission: 'write' }),
  MpoolPending: method('The pending messages.', [tsk], list(SignedMessage)),
  MpoolGetNonce: method(
    'The next nonce of an address, after its pending messages.',
    [param('address', AddressJson)],
    Uint64,
  ),
  MpoolGetConfig: method('How the pool is set.', [], MpoolConfig),
  MpoolCheckPendingMessages: method(
    'Tests the pending messages of an address.',
    [param('address', AddressJson)],
    list(list(MessageCheckStatus)),
  ),
  GasEstimateMessageGas: method('A message with its gas filled in.', [message, spec, tsk], Message),
  GasEstimateGasLimit: method('The gas a message would use.', [message, tsk], Int64),
  GasEstimateFeeCap: method(
    'A fee cap (attoFIL a gas) that holds for some epochs.',
    [message, param('maxQueueBlocks', ChainEpoch), tsk],
    TokenAmount,
  ),
  GasEstimateGasPremium: method(
    'A premium (attoFIL a gas) that gets a message included within some blocks.',
    [param('blocks', Uint64), param('sender', AddressJson), param('gasLimit', Int64), tsk],
    TokenAmount,
  ),
} as const
