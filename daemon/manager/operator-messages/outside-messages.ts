import { CID } from 'multiformats/cid'
import { MESSAGER_STATE, type MessagerMessage, messagerService } from '../../../rpc-schema/chain/messager.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { MessageWhereabouts, OperatorMessageState } from '../../../rpc-schema/manager/operator-message.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import type { Message } from '../../../rpc-schema/wire/message.js'
import type { ChainNode } from '../chain/chain-node.js'
import { methodText } from './method-text.js'

const STATES: Readonly<Record<number, OperatorMessageState['State']>> = {
  [MESSAGER_STATE.unfilled]: 'intended',
  [MESSAGER_STATE.filled]: 'pushed',
  [MESSAGER_STATE.onChain]: 'landed',
  [MESSAGER_STATE.replaced]: 'landed',
  [MESSAGER_STATE.failed]: 'dropped',
  [MESSAGER_STATE.noWallet]: 'refused',
}

/** Messages that this manager did not send: the messager may know them, or the chain. */
export class OutsideMessages {
  readonly #node: ChainNode
  readonly #messager: Client<typeof messagerService.methods> | undefined

  constructor(node: ChainNode, messager: Connection | undefined) {
    this.#node = node
    this.#messager = messager && rpcClient(messagerService, messager)
  }

  async find(id: string, head: TipSet): Promise<MessageWhereabouts> {
    const found = (await this.#atMessager(id, head)) ?? (await this.#onChain(id, head))
    if (found === undefined)
      throw new RpcError(
        RPC_ERROR.application,
        `record not found: neither this manager nor ${this.#messager ? 'its messager' : 'its node'} knows the message ${id}`,
      )
    return found
  }

  async #atMessager(id: string, head: TipSet): Promise<MessageWhereabouts | undefined> {
    if (this.#messager === undefined || !(await this.#messager.HasMessageByUid(id))) return undefined
    const found: MessagerMessage = await this.#messager.GetMessageByUid(id)
    const landed = STATES[found.State] === 'landed' && found.Receipt !== null
    return {
      ...(await this.#described(found)),
      Uid: id,
      State: STATES[found.State] ?? 'intended',
      Cid: found.SignedCid?.toString() ?? null,
      Carrier: 'messager',
      Height: landed ? found.Height : null,
      Depth: landed ? Math.max(0, head.Height - found.Height) : 0,
      Receipt: found.Receipt,
      Error: found.ErrorMsg,
      Known: true,
      TipSet: found.TipSetKey,
    }
  }

  async #onChain(id: string, head: TipSet): Promise<MessageWhereabouts | undefined> {
    const { api } = this.#node
    let cid: CID
    try {
      cid = CID.parse(id)
    } catch {
      return undefined
    }
    try {
      const lookup = await api.StateSearchMsg(head.Cids, cid, -1, true)
      const message = await api.ChainGetMessage(lookup?.Message ?? cid)
      return {
        ...(await this.#described(message)),
        Uid: id,
        State: lookup === null ? 'pushed' : 'landed',
        Cid: (lookup?.Message ?? cid).toString(),
        Carrier: 'mempool',
        Height: lookup?.Height ?? null,
        Depth: lookup === null ? 0 : Math.max(0, head.Height - lookup.Height),
        Receipt: lookup?.Receipt ?? null,
        Error: '',
        Known: true,
        TipSet: lookup?.TipSet ?? [],
      }
    } catch (error) {
      // So a node answers that never saw the message.
      if (error instanceof RpcError) return undefined
      throw error
    }
  }

  async #described(message: Pick<Message, 'From' | 'To' | 'Method' | 'Value' | 'Params'>) {
    const { From, To, Method, Value } = message
    const { name: MethodName } = await methodText(this.#node.api, message)
    return { From, To, Method, Value, MethodName }
  }
}
