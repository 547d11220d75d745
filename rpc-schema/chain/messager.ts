import { z } from 'zod'
import { method, param, service } from '../rpc/method.js'
import { Float, orNull, orZero, Text } from '../rpc/zero-value.js'
import { Address, AddressJson } from '../wire/address.js'
import { emptyableBytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { Message } from '../wire/message.js'
import { ChainEpoch, Int64, Uint64 } from '../wire/numbers.js'
import { Signature } from '../wire/signature.js'
import { TipSetKey } from '../wire/tipset-key.js'
import { TokenAmount } from '../wire/token-amount.js'
import { MessageReceipt } from './receipt.js'

const Amount = orZero(TokenAmount, () => 0n)
const Count = orZero(Uint64, () => 0)
const Epoch = orZero(ChainEpoch, () => 0)
const AnyAddress = orZero(AddressJson, () => Address.EMPTY)

/** `replaced`: another message with the same sender and nonce landed in its place; `filled`: signed and in the pool. */
export const MESSAGER_STATE = {
  unknown: 0,
  unfilled: 1,
  filled: 2,
  onChain: 3,
  failed: 4,
  replaced: 5,
  noWallet: 6,
} as const

/** How the messager is to fill a message in. `expireEpoch` 0: never; `maxFee` in attoFIL, null for the messager's own. */
export const SendSpec = z.object({
  expireEpoch: Epoch,
  gasOverEstimation: Float,
  maxFee: orNull(TokenAmount),
  gasOverPremium: Float,
})
export type SendSpec = z.infer<typeof SendSpec>

/**
 * A message as the messager keeps it, under the `ID` it was pushed with. CIDs are null until it is signed; `Confidence` is the number of
 * epochs since `Height`. Times are RFC 3339 text.
 */
export const MessagerMessage = z.object({
  ID: Text,
  UnsignedCid: orNull(CidJson),
  SignedCid: orNull(CidJson),
  Version: Count,
  To: AnyAddress,
  From: AnyAddress,
  Nonce: Count,
  Value: Amount,
  GasLimit: orZero(Int64, () => 0),
  GasFeeCap: Amount,
  GasPremium: Amount,
  Method: Count,
  Params: orZero(emptyableBytes, () => new Uint8Array()),
  Signature: orNull(Signature),
  Height: Epoch,
  Confidence: orZero(Int64, () => 0),
  Receipt: orNull(MessageReceipt),
  TipSetKey: orZero(TipSetKey, () => []),
  Meta: orNull(SendSpec),
  WalletName: Text,
  ErrorMsg: Text,
  State: orZero(Int64, () => MESSAGER_STATE.unknown),
  CreatedAt: Text,
  UpdatedAt: Text,
})
export type MessagerMessage = z.infer<typeof MessagerMessage>

const id = param('id', z.string())
const message = param('message', Message)
const spec = param('spec', orNull(SendSpec))

/** What Sealyard uses of a Venus messager (`/rpc/v0`). It fills in, signs, sends, and replaces messages that are stuck. */
export const messagerService = service('Message', {
  HasMessageByUid: method('Whether a message with this id is known.', [id], z.boolean()),
  GetMessageByUid: method('A message by its id.', [id], MessagerMessage),
  WaitMessage: method(
    'Waits until a message is `confidence` epochs deep, or has failed.',
    [id, param('confidence', Uint64)],
    MessagerMessage,
  ),
  PushMessage: method('Takes a message to be sent; answers its id.', [message, spec], z.string(), {
    permission: 'sign',
  }),
  PushMessageWithId: method(
    'Takes a message to be sent under an id that the caller has chosen; answers the id.',
    [id, message, spec],
    z.string(),
    { permission: 'sign' },
  ),
})
