import type { SectorClaim } from '../../../../rpc-schema/actors/miner-sectors.js'
import { SECTOR_FLAGS, type SectorOnChainInfo } from '../../../../rpc-schema/chain/sectors.js'
import type { AllocationClaim } from '../../../../rpc-schema/chain/verified-data.js'
import { type NetworkRules, POLICY } from '../../chain/network-version.js'

/** What the actors allow (builtin-actors, `runtime/src/runtime/policy.rs`, `policy.rs` of the miner), in epochs. */
const LIMITS = {
  /** Claims can be dropped so near to the end of their sector. */
  claimDropPeriod: 30 * POLICY.epochsPerDay,
} as const

export interface ExtensionRules {
  /** Height of the head. */
  readonly epoch: number
  readonly life: NetworkRules['life']
  /** Epochs more than the sector has now; or… */
  readonly extension: number
  /** …this epoch, when it is not 0. */
  readonly newExpiration: number
  /** Fewer epochs are not worth a message. */
  readonly tolerance: number
  readonly onlyCommittedCapacity: boolean
  readonly dropClaims: boolean
}

/** A claim with its id. */
export interface Claim extends AllocationClaim {
  readonly id: number
}

export type SectorExtension =
  | { readonly to: number /** Null for a sector without verified data. */; readonly claims: SectorClaim | null }
  | { readonly leftOut: string }

/** How long a sector can live at most: by its age, and by what can be promised now. */
export const latestExpiration = (
  { Activation }: Pick<SectorOnChainInfo, 'Activation'>,
  { epoch, life }: Pick<ExtensionRules, 'epoch' | 'life'>,
): { readonly ever: number; readonly now: number } => {
  const ever = Activation + life.most
  return { ever, now: Math.min(ever, epoch + life.mostAhead) }
}

/** Whether and until when a sector can be extended, and what becomes of its claims. */
export function extensionOf(
  sector: SectorOnChainInfo,
  claims: readonly Claim[],
  rules: ExtensionRules,
): SectorExtension {
  const { epoch, extension, newExpiration, tolerance, onlyCommittedCapacity } = rules
  if (sector.Expiration < epoch) return { leftOut: `it expired at epoch ${sector.Expiration}` }
  const hasData = sector.DealWeight > 0n || sector.VerifiedDealWeight > 0n
  if (onlyCommittedCapacity && hasData) return { leftOut: 'it has data' }
  const wanted = newExpiration > 0 ? newExpiration : sector.Expiration + extension
  const to = Math.min(wanted, latestExpiration(sector, rules).now)
  const gain = to - sector.Expiration
  if (gain <= 0) return { leftOut: `it lives until ${sector.Expiration} already, ${to} is not later` }
  if (gain < tolerance) return { leftOut: `it would gain ${gain} epochs, fewer than the tolerance of ${tolerance}` }
  if (sector.VerifiedDealWeight === 0n || (sector.Flags & SECTOR_FLAGS.simpleQAPower) === 0) return { to, claims: null }
  return withClaims(sector, claims, to, rules)
}

/** The actor wants every claim of a sector accounted for: it is kept, or dropped with the power that it gives. */
function withClaims(
  sector: SectorOnChainInfo,
  claims: readonly Claim[],
  to: number,
  { epoch, dropClaims }: ExtensionRules,
): SectorExtension {
  const space = sector.VerifiedDealWeight / BigInt(sector.Expiration - sector.PowerBaseEpoch)
  const claimed = claims.reduce((sum, claim) => sum + BigInt(claim.Size), 0n)
  if (claimed !== space)
    return {
      leftOut: `its claims hold ${claimed} bytes, its power is counted for ${space}: the chain would not take it`,
    }
  const MaintainClaims: number[] = []
  const DropClaims: number[] = []
  for (const { id, TermStart, TermMin, TermMax } of claims) {
    if (to <= TermStart + TermMax) MaintainClaims.push(id)
    else if (!dropClaims)
      return {
        leftOut: `claim ${id} can be kept until ${TermStart + TermMax} only: extend it to there, or drop claims`,
      }
    else if (sector.Expiration - epoch > LIMITS.claimDropPeriod)
      return { leftOut: `claim ${id} can be dropped from epoch ${sector.Expiration - LIMITS.claimDropPeriod} on` }
    else if (epoch <= TermStart + TermMin)
      return { leftOut: `claim ${id} is to be kept until epoch ${TermStart + TermMin}` }
    else DropClaims.push(id)
  }
  return { to, claims: { SectorNumber: sector.SectorNumber, MaintainClaims, DropClaims } }
}
