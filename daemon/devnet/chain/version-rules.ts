import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'

/** What a network takes beside the gas for sectors that come together (FIP-0013, FIP-0024): a twentieth of the gas that each would use alone. */
export interface BatchFee {
  readonly gasPerPreCommit: bigint
  readonly gasPerProveCommit: bigint
  readonly divisor: bigint
  /** attoFIL for a unit of gas, if the base fee is lower. */
  readonly leastGasPrice: bigint
}

/** What the network demands from a version on. */
export interface VersionRules {
  readonly from: number
  /** Methods of miners that do not exist (yet, or any more). */
  readonly without: readonly number[]
  /** Undefined where sectors that come together cost nothing but their gas: since FIP-0100. */
  readonly batchFee: BatchFee | undefined
}

const BATCH_FEE: BatchFee = {
  gasPerPreCommit: 16_433_324n,
  gasPerProveCommit: 49_299_973n,
  divisor: 20n,
  leastGasPrice: 5_000_000_000n,
}
const { miner } = METHODS

/**
 * The newest first; the last row stands for all that is older. 27 took ProveCommitAggregate away on mainnet; here that waits for 29, so that
 * managers for older networks can be tried on the devnet's usual version. What 29 will really bring nobody knows.
 */
const RULES: readonly VersionRules[] = [
  { from: 29, without: [miner.ProveCommitAggregate, miner.ExtendSectorExpiration], batchFee: undefined },
  { from: 25, without: [], batchFee: undefined },
  { from: 22, without: [], batchFee: BATCH_FEE },
  { from: 0, without: [miner.ProveCommitSectors3, miner.ProveReplicaUpdates3], batchFee: BATCH_FEE },
]

export const rulesOf = (version: number): VersionRules => RULES.find(({ from }) => version >= from)!

/** attoFIL for so many sectors in one message. */
export function batchFee(
  { batchFee: fee }: VersionRules,
  kind: 'gasPerPreCommit' | 'gasPerProveCommit',
  sectors: number,
  baseFee: bigint,
): bigint {
  if (fee === undefined) return 0n
  const price = baseFee > fee.leastGasPrice ? baseFee : fee.leastGasPrice
  return (price * fee[kind] * BigInt(sectors)) / fee.divisor
}
