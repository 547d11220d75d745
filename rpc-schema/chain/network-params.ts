import { z } from 'zod'
import { orZero, Text } from '../rpc/zero-value.js'
import { ChainEpoch, Int64, Uint64 } from '../wire/numbers.js'
import { TokenAmount } from '../wire/token-amount.js'

/** Constants of the network; upgrade heights by name, as the node knows them. */
export const NetworkParams = z.object({
  NetworkName: Text,
  BlockDelaySecs: Uint64,
  ConsensusMinerMinPower: orZero(TokenAmount, () => 0n),
  PreCommitChallengeDelay: ChainEpoch,
  ForkUpgradeParams: orZero(z.record(z.string(), ChainEpoch), () => ({})),
  Eip155ChainID: orZero(Int64, () => 0),
  GenesisTimestamp: orZero(Uint64, () => 0),
})
export type NetworkParams = z.infer<typeof NetworkParams>
