import { z } from 'zod'
import { orNull, orZero } from '../rpc/zero-value.js'
import { Base64Bytes } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { Message, SignedMessage } from '../wire/message.js'
import { ChainEpoch, Int64 } from '../wire/numbers.js'
import { TipSetKey } from '../wire/tipset-key.js'

/** The outcome of a message; the exit codes are those of `actors/exit-codes.ts`. */
export const MessageReceipt = z.object({
  ExitCode: Int64,
  Return: orNull(Base64Bytes),
  GasUsed: orZero(Int64, () => 0),
  EventsRoot: orNull(CidJson),
})
export type MessageReceipt = z.infer<typeof MessageReceipt>

/**
 * Where a message was executed: `TipSet` and `Height` are those of the tipset *after* it. `Message` differs from the one asked for when
 * that was replaced. `ReturnDec` is the return value in JSON.
 */
export const MsgLookup = z.object({
  Message: CidJson,
  Receipt: MessageReceipt,
  ReturnDec: orNull(z.unknown()),
  TipSet: TipSetKey,
  Height: ChainEpoch,
})
export type MsgLookup = z.infer<typeof MsgLookup>

export const ApiMessage = z.object({ Cid: CidJson, Message })
export type ApiMessage = z.infer<typeof ApiMessage>

/** `Cids`: BLS messages first, then secp256k1 messages. */
export const BlockMessages = z.object({
  BlsMessages: list(Message),
  SecpkMessages: list(SignedMessage),
  Cids: list(CidJson),
})
export type BlockMessages = z.infer<typeof BlockMessages>
