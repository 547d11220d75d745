import type { CID } from 'multiformats/cid'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { BatchReturn } from '../../../rpc-schema/actors/batch-return.js'
import type { MsgLookup } from '../../../rpc-schema/chain/receipt.js'
import { HEAD_CHANGE } from '../../../rpc-schema/chain/tipset.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import type { Message } from '../../../rpc-schema/wire/message.js'
import type { StoredMessage } from '../persistence/chain-repository.js'
import type { Chain } from './chain.js'
import { type ChainTipSet, heightOf, type Receipt } from './tipset.js'

/** Methods that return the outcome of a batch. */
const BATCH_METHODS: readonly number[] = [METHODS.miner.ProveCommitSectors3, METHODS.miner.ProveReplicaUpdates3]
/** No limit of how far to look back. */
const NO_LIMIT = -1

/** Finds what became of messages. */
export class MessageSearch {
  readonly #chain: Chain

  constructor(chain: Chain) {
    this.#chain = chain
  }

  /** Any message that the node has ever seen, by the CID of its signed or unsigned form. */
  async message(cid: CID): Promise<StoredMessage> {
    const found = await this.#chain.repository.message(cid)
    if (found === undefined) throw new RpcError(RPC_ERROR.application, `ipld: could not find ${cid}`)
    return found
  }

  /** Null when the message is pending, or was executed more than `limit` epochs below `from`. Throws for an unknown one. */
  async search(from: ChainTipSet | null, cid: CID, limit: number, allowReplaced: boolean): Promise<MsgLookup | null> {
    const wanted = await this.message(cid).catch((error: Error) => {
      throw new RpcError(RPC_ERROR.application, `failed to load message: ${error.message}`)
    })
    const start = from ?? this.#chain.head
    const landed = await this.#chain.repository.landedBy(wanted.sender, wanted.signed.Message.Nonce)
    if (landed?.receipt === null || landed === undefined) return null
    const executed = this.#chain.above(landed.height) ?? (await this.#chain.repository.atOrAbove(landed.height + 1))
    if (executed === undefined) return null
    const height = executed.header.Height
    if (
      height > heightOf(start) ||
      (limit !== NO_LIMIT && height <= heightOf(start) - limit && height !== heightOf(start))
    ) {
      return null
    }
    // Looked for by the CID of its unsigned form, a message counts as replaced by its signed form.
    if (!landed.cid.equals(cid)) {
      if (!allowReplaced || !sameCall(landed.signed.Message, wanted.signed.Message)) {
        throw new RpcError(
          RPC_ERROR.application,
          `found message with equal nonce as the one we are looking for (F:${cid} n ${wanted.signed.Message.Nonce}, TS: ${landed.cid} n${landed.signed.Message.Nonce})`,
        )
      }
    }
    return {
      Message: landed.cid,
      Receipt: receiptToWire(landed.receipt),
      ReturnDec: decodedReturn(landed.signed.Message, landed.receipt),
      TipSet: [executed.cid],
      Height: height,
    }
  }

  /** Waits until the message has been executed `confidence` epochs below the head. */
  async wait(
    cid: CID,
    confidence: number,
    limit: number,
    allowReplaced: boolean,
    signal: AbortSignal,
  ): Promise<MsgLookup> {
    const changes = this.#chain.feed.listen(this.#chain.head)
    const stop = (): void => void changes.return?.()
    signal.addEventListener('abort', stop, { once: true })
    try {
      let lookback = limit
      for await (const change of changes) {
        signal.throwIfAborted()
        if (change.every(({ Type }) => Type === HEAD_CHANGE.revert)) continue
        const found = await this.search(null, cid, lookback, allowReplaced)
        if (found !== null && heightOf(this.#chain.head) >= found.Height + confidence) return found
        lookback = NO_LIMIT
      }
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
    throw new RpcError(RPC_ERROR.application, `waiting for message ${cid}: the node is stopping`)
  }
}

export const receiptToWire = ({ exitCode, returnValue, gasUsed }: Receipt): MsgLookup['Receipt'] => ({
  ExitCode: exitCode,
  Return: returnValue.length === 0 ? null : returnValue,
  GasUsed: gasUsed,
  EventsRoot: null,
})

/** The same but for gas and nonce. */
function sameCall(a: Message, b: Message): boolean {
  return (
    a.From.equals(b.From) &&
    a.To.equals(b.To) &&
    a.Value === b.Value &&
    a.Method === b.Method &&
    bytesEqual(a.Params, b.Params)
  )
}

/** The return value in JSON. */
function decodedReturn(message: Message, receipt: Receipt): unknown {
  if (!BATCH_METHODS.includes(message.Method) || receipt.returnValue.length === 0) return null
  const { SuccessCount, FailCodes } = BatchReturn.decode(receipt.returnValue)
  return { SuccessCount, FailCodes: FailCodes.length === 0 ? null : FailCodes }
}
