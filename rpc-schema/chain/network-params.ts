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

/** Domain separation tags of the chain's randomness. */
export const RANDOMNESS_TAG = {
  ticketProduction: 1,
  electionProof: 2,
  winningPoStChallengeSeed: 3,
  windowedPoStChallengeSeed: 4,
  sealRandomness: 5,
  interactiveSealChallengeSeed: 6,
  windowedPoStDeadlineAssignment: 7,
  marketDealCronSeed: 8,
  poStChainCommit: 9,
} as const
export const RandomnessTag = Int64
