import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { messageCid } from '../../../rpc-schema/wire/message.js'
import type { Chain } from '../chain/chain.js'
import { receiptToWire } from '../chain/message-search.js'
import { StateDraft } from '../state/state-tree.js'
import { execute } from '../vm/execute.js'
import { actorOf, tipsetOf } from './lookup.js'

/** What a message that is only tried would pay: nothing. */
const NO_COST = {
  Message: null,
  GasUsed: 0n,
  BaseFeeBurn: 0n,
  OverEstimationBurn: 0n,
  MinerPenalty: 0n,
  MinerTip: 0n,
  Refund: 0n,
  TotalCost: 0n,
}

/** Runs messages after a tipset's own without putting them on the chain. */
export function callApi(chain: Chain): Pick<Handlers<typeof lotusService.methods>, 'StateCall'> {
  return {
    async StateCall(message, key) {
      const tipset = tipsetOf(chain, key)
      const { state } = await chain.outcome(tipset)
      const { nonce } = actorOf({ ...tipset, state }, message.From)
      const called = { ...message, Nonce: nonce }
      const started = performance.now()
      const { receipt, error } = await execute(chain.machine(tipset), new StateDraft(state), called, null)
      const CID = messageCid(called)
      return {
        MsgCid: CID,
        Msg: { ...called, CID },
        MsgRct: receiptToWire(receipt),
        GasCost: NO_COST,
        ExecutionTrace: null,
        Error: error,
        Duration: Math.round((performance.now() - started) * 1e6),
      }
    },
  }
}
