import { z } from 'zod'
import { MessageReceipt } from '../chain/receipt.js'
import { method, param } from '../rpc/method.js'
import { Bool, orNull, orZero, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { emptyableBytes } from '../wire/bytes.js'
import { list } from '../wire/list.js'
import { ActorId, ChainEpoch, Uint64 } from '../wire/numbers.js'
import { TipSetKey } from '../wire/tipset-key.js'
import { TokenAmount } from '../wire/token-amount.js'

const Amount = orZero(TokenAmount, () => 0n)

/**
 * A message that an operator wants to send. Its uid is the CID of its contents, with `-Exid` behind it when there is one; the same uid is sent
 * once. `Repeat`: a message that has come to its end does not count any more, so that the same can be done again later.
 */
export const OperatorMessage = z.object({
  From: AddressJson,
  To: AddressJson,
  Value: Amount,
  Method: Uint64,
  Params: orZero(emptyableBytes, () => new Uint8Array()),
  Exid: Text,
  Repeat: Bool,
  /** The miner that it concerns; 0 for none. */
  Miner: orZero(ActorId, () => 0),
  /** The most attoFIL for a unit of gas; 0 leaves it to the node. */
  GasFeeCap: Amount,
})
export type OperatorMessage = z.infer<typeof OperatorMessage>

/**
 * `intended`: written down, not known to be sent; `pushed`: sent; `landed`: executed, see the receipt; `refused`: not taken; `lost`: proved not to
 * have been sent; `dropped`: given up by what was to bring it to the chain.
 */
export const OPERATOR_MESSAGE_STATES = ['intended', 'pushed', 'landed', 'refused', 'lost', 'dropped'] as const

export const OperatorMessageState = z.object({
  Uid: Text,
  State: z.enum(OPERATOR_MESSAGE_STATES),
  /** CID of the signed message, or the messager's id. */
  Cid: orNull(z.string()),
  Carrier: Text,
  From: AddressJson,
  To: AddressJson,
  Method: Uint64,
  MethodName: Text,
  Value: Amount,
  /** Height of the tipset that shows its receipt. */
  Height: orNull(ChainEpoch),
  /** Epochs since then. */
  Depth: orZero(ChainEpoch, () => 0),
  Receipt: orNull(MessageReceipt),
  Error: Text,
  /** Of the call that answers this: the message had been sent before. */
  Known: Bool,
})
export type OperatorMessageState = z.infer<typeof OperatorMessageState>

/** What a message would do and cost, in attoFIL. `MaxCost` is `Value` and the gas limit at the fee cap; `LikelyFee` at the present base fee. */
export const OperatorMessagePreview = z.object({
  Uid: Text,
  MethodName: Text,
  /** In JSON, by the names of the actor's parameters; null when there are none, or when they are not known here. */
  Params: z.unknown(),
  FromKey: AddressJson,
  Balance: Amount,
  GasLimit: Uint64,
  GasFeeCap: Amount,
  GasPremium: Amount,
  BaseFee: Amount,
  LikelyFee: Amount,
  MaxCost: Amount,
  /** What was sent under this uid before. */
  Before: orNull(OperatorMessageState),
})
export type OperatorMessagePreview = z.infer<typeof OperatorMessagePreview>

/** What is known of a message of any origin; the tipset only where it has landed. */
export const MessageWhereabouts = z.object({ ...OperatorMessageState.shape, TipSet: orZero(TipSetKey, () => []) })
export type MessageWhereabouts = z.infer<typeof MessageWhereabouts>

const message = param('message', OperatorMessage)

/** Messages of operators: withdrawals, changes of addresses, and the like. */
export const operatorMessageMethods = {
  PreviewMessage: method('What a message would do and cost; nothing is sent.', [message], OperatorMessagePreview),
  SendMessage: method(
    'Sends a message once, however often it is called; what has become of it so far.',
    [message],
    OperatorMessageState,
    { permission: 'sign' },
  ),
  MessageState: method(
    'A message by its uid, by its CID, or by its id at the messager.',
    [param('id', z.string())],
    MessageWhereabouts,
  ),
  ListMessages: method(
    'The messages of operators, the newest first.',
    [param('limit', Uint64)],
    list(OperatorMessageState),
  ),
} as const
