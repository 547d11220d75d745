import type { SectorOnChainInfo } from '../../../../rpc-schema/chain/sectors.js'
import { POLICY, type TerminationFee } from '../../chain/network-version.js'

/**
 * attoFIL that the end of a sector burns at least. The chain takes more when 105 % of what a day's fault of it costs is more, which depends on the
 * rewards of the whole network; before version 25 nothing is known without them.
 */
export function terminationFeeAtLeast(
  { InitialPledge, Activation }: Pick<SectorOnChainInfo, 'InitialPledge' | 'Activation'>,
  epoch: number,
  rule: TerminationFee | undefined,
): bigint {
  if (rule === undefined) return 0n
  const full = (InitialPledge * rule.perMilleOfPledge) / 1_000n
  const age = BigInt(Math.max(0, epoch - Activation))
  const byAge = (age * full) / BigInt(rule.grownAfterDays * POLICY.epochsPerDay)
  const least = (InitialPledge * rule.leastPercent) / 100n
  const base = byAge < full ? byAge : full
  return base > least ? base : least
}
