import type { lotusService } from '../../../rpc-schema/chain/index.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { SignedMessage } from '../../../rpc-schema/wire/message.js'
import type { Chain } from '../chain/chain.js'
import { estimateFeeCap, estimatePremium, GAS_OVERESTIMATION } from '../mpool/fees.js'
import { type Mpool, REPLACE_BY_FEE_RATIO } from '../mpool/mpool.js'
import { tipsetOf } from './lookup.js'

type Methods = typeof lotusService.methods
type Served = Exclude<Extract<keyof Methods, `Mpool${string}` | `Gas${string}`>, 'MpoolCheckPendingMessages'>

export function mpoolApi(chain: Chain, mpool: Mpool): Pick<Handlers<Methods>, Served> {
  return {
    MpoolPushMessage: (message, spec) => mpool.pushMessage(message, spec),
    async MpoolBatchPushMessage(messages, spec) {
      const signed: SignedMessage[] = []
      for (const message of messages) signed.push(await mpool.pushMessage(message, spec))
      return signed
    },
    MpoolPush: signed => mpool.push(signed),
    MpoolPending: () => chain.pool.all().map(({ signed }) => signed),
    MpoolGetNonce: address => mpool.nextNonce(address),
    MpoolGetConfig: () => ({
      PriorityAddrs: [],
      SizeLimitHigh: 30_000,
      SizeLimitLow: 20_000,
      ReplaceByFeeRatio: REPLACE_BY_FEE_RATIO,
      PruneCooldown: 60_000_000_000,
      GasLimitOverestimation: GAS_OVERESTIMATION,
    }),
    GasEstimateMessageGas(message, spec, key) {
      tipsetOf(chain, key)
      return mpool.estimate(message, spec)
    },
    GasEstimateGasLimit(message, key) {
      tipsetOf(chain, key)
      return mpool.estimateGas(message)
    },
    GasEstimateFeeCap: (message, epochs) => estimateFeeCap(chain.head.header.ParentBaseFee, message.GasPremium, epochs),
    GasEstimateGasPremium: blocks => estimatePremium(blocks),
  }
}
