import { z } from 'zod'
import { Bool, orNull, orZero, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { Base64Bytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { Int64, Uint64 } from '../wire/numbers.js'
import { TokenAmount } from '../wire/token-amount.js'
import { MessageReceipt } from './receipt.js'

const Amount = orZero(TokenAmount, () => 0n)

const NO_UUID = '00000000-0000-0000-0000-000000000000'

/** Limits on the fee of a message to be pushed. `MaxFee` in attoFIL, 0 for the node's own; it lowers the fee cap, it never fails the push. */
export const MessageSendSpec = z.object({
  MaxFee: Amount,
  MsgUuid: orZero(z.string(), () => NO_UUID),
  MaximizeFeeCap: Bool,
})
export type MessageSendSpec = z.infer<typeof MessageSendSpec>

export const MessageGasCost = z.object({
  Message: orNull(CidJson),
  GasUsed: Amount,
  BaseFeeBurn: Amount,
  OverEstimationBurn: Amount,
  MinerPenalty: Amount,
  MinerTip: Amount,
  Refund: Amount,
  TotalCost: Amount,
})
export type MessageGasCost = z.infer<typeof MessageGasCost>

/**
 * A message as it was run by StateCall or StateReplay. A call runs with a gas limit of 2^62, beyond what a JSON number holds exactly, so
 * `GasLimit` is only near the truth there.
 */
export const ExecutedMessage = z.object({
  Version: Uint64,
  To: AddressJson,
  From: AddressJson,
  Nonce: Uint64,
  Value: TokenAmount,
  GasLimit: z.number(),
  GasFeeCap: TokenAmount,
  GasPremium: TokenAmount,
  Method: Uint64,
  Params: orNull(Base64Bytes),
  CID: orNull(CidJson),
})
export type ExecutedMessage = z.infer<typeof ExecutedMessage>

/** The outcome of running a message without sending it. `Duration` in nanoseconds; the trace is the node's own structure. */
export const InvocResult = z.object({
  MsgCid: CidJson,
  Msg: orNull(ExecutedMessage),
  MsgRct: orNull(MessageReceipt),
  GasCost: MessageGasCost,
  ExecutionTrace: z.unknown(),
  Error: Text,
  Duration: orZero(Int64, () => 0),
})
export type InvocResult = z.infer<typeof InvocResult>

/** One test of a pending message; `Hint` has what the test compared. */
export const MessageCheckStatus = z.object({
  Cid: CidJson,
  Code: Uint64,
  OK: Bool,
  Err: Text,
  Hint: orNull(z.record(z.string(), z.unknown())),
})
export type MessageCheckStatus = z.infer<typeof MessageCheckStatus>
