import type { SectorOnChainInfo } from '../../../../rpc-schema/chain/sectors.js'
import { POLICY } from '../../chain/network-version.js'

/** FIP-0098: a share of the pledge, growing with the age of the sector for 140 days, and never less than 2 %. */
const FEE = { percentOfPledge: 85n, of: 1_000n, grownAfterDays: 140, leastPercent: 2n } as const

/**
 * attoFIL that the end of a sector burns at least. The chain takes more when 105 % of what a day's fault of it costs is more, which depends on the
 * rewards of the whole network.
 */
export function terminationFeeAtLeast(
  { InitialPledge, Activation }: Pick<SectorOnChainInfo, 'InitialPledge' | 'Activation'>,
  epoch: number,
): bigint {
  const full = (InitialPledge * FEE.percentOfPledge) / FEE.of
  const age = BigInt(Math.max(0, epoch - Activation))
  const byAge = (age * full) / BigInt(FEE.grownAfterDays * POLICY.epochsPerDay)
  const least = (InitialPledge * FEE.leastPercent) / 100n
  const base = byAge < full ? byAge : full
  return base > least ? base : least
}
