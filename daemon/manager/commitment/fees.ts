import type { MinerBatchConfig } from '../../../rpc-schema/manager/miner-config.js'
import type { Fees } from './carrier.js'

type FeeSettings = Pick<MinerBatchConfig, 'GasFeeCap' | 'MaxFeeCap' | 'GasOverEstimation' | 'GasOverPremium'>

/** The fees of a message as the operator has set them; `MaxFeeCap` is the old name of `GasFeeCap`. */
export const feesOf = ({ GasFeeCap, MaxFeeCap, GasOverEstimation, GasOverPremium }: FeeSettings): Fees => ({
  gasFeeCap: GasFeeCap || MaxFeeCap || 0n,
  gasOverEstimation: GasOverEstimation,
  gasOverPremium: GasOverPremium,
})
