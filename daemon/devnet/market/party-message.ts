import type { CID } from 'multiformats/cid'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { signedMessageCid, unfilledMessage } from '../../../rpc-schema/wire/message.js'
import type { MessageSearch } from '../chain/message-search.js'
import type { Mpool } from '../mpool/mpool.js'

export interface PartyMessageParts {
  readonly mpool: Mpool
  readonly search: MessageSearch
  /** Called while nothing makes epochs by itself. */
  readonly advance: () => Promise<void>
}

export interface PartyMessage {
  readonly from: Address
  /** Actor id. */
  readonly to: number
  readonly method: number
  readonly params: Uint8Array
  readonly value?: bigint
}

/** Sends a message of a party to a deal, and waits for it: its CID, and what it returned. */
export async function sendAndWait(
  { mpool, search, advance }: PartyMessageParts,
  { from, to, method, params, value = 0n }: PartyMessage,
  signal: AbortSignal,
): Promise<{ cid: CID; returned: Uint8Array }> {
  const pushed = await mpool.pushMessage(
    unfilledMessage({ From: from, To: Address.fromId(to, 't'), Value: value, Method: method, Params: params }),
    null,
  )
  const cid = signedMessageCid(pushed)
  const waiting = search.wait(cid, 0, -1, true, signal)
  const [{ Receipt: receipt }] = await Promise.all([waiting, advance()])
  if (receipt.ExitCode !== 0) {
    throw new RpcError(
      RPC_ERROR.application,
      `method ${method} of f0${to} failed on the chain with exit code ${receipt.ExitCode}`,
    )
  }
  return { cid, returned: receipt.Return ?? new Uint8Array() }
}
