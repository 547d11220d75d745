import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { type SealProofType, sealProofFor } from '../../../rpc-schema/wire/proof-types.js'

const DAY = 2_880

/** What the network takes for an aggregate of proofs: a share (`1 / divisor`) of the gas that they would have used one by one. */
export interface AggregateFee {
  readonly gasPerSector: bigint
  readonly divisor: bigint
  /** attoFIL for a unit of gas, if the base fee is lower. */
  readonly leastGasPrice: bigint
}

/** What the network demands of sealing from a version on. */
export interface NetworkRules {
  readonly from: number
  readonly sealProofSuffix: 'V1' | 'V1_1'
  readonly syntheticPoRep: boolean
  readonly preCommitMethod: number
  readonly proveCommitMethod: number
  /** SnarkPack version of aggregated seal proofs: 0 is V1, 1 is V2. */
  readonly aggregateProof: number
  /** Undefined where an aggregate costs nothing but its gas: since FIP-0100. */
  readonly aggregateFee: AggregateFee | undefined
  /** Epochs that a new sector may live at most. */
  readonly maxSectorExpirationExtension: number
}

const SINCE_22 = {
  sealProofSuffix: 'V1_1',
  syntheticPoRep: true,
  preCommitMethod: METHODS.miner.PreCommitSectorBatch2,
  proveCommitMethod: METHODS.miner.ProveCommitSectors3,
  aggregateProof: 1,
  aggregateFee: { gasPerSector: 49_299_973n, divisor: 20n, leastGasPrice: 5_000_000_000n },
  maxSectorExpirationExtension: 1_278 * DAY,
} as const

/** The newest version whose rules were looked at. */
export const NEWEST_KNOWN_VERSION = 28

/** One row for each version that changed something, the newest first. Later versions are served by the newest row. */
const RULES: readonly NetworkRules[] = [
  { from: 25, ...SINCE_22, aggregateFee: undefined },
  { from: 22, ...SINCE_22 },
]

/** Throws an Error for a version that is too old to be sealed on. */
export function networkRules(version: number): NetworkRules {
  const rules = RULES.find(row => version >= row.from)
  if (rules === undefined)
    throw new Error(
      `network version ${version} is not supported: sealing needs ProveCommitSectors3, which came with 22`,
    )
  return rules
}

/** The proof with which new sectors of this size are sealed. */
export function sealProofOf(rules: NetworkRules, sectorSize: number, synthetic: boolean): SealProofType {
  if (!synthetic) return sealProofFor(sectorSize, rules.sealProofSuffix)
  if (!rules.syntheticPoRep)
    throw new Error('Sealing.UseSyntheticPoRep is set, but the network does not know synthetic PoRep')
  return sealProofFor(sectorSize, 'V1_1_Feat_SyntheticPoRep')
}

/** Epochs of the actors' policy that no network shortens. */
export const POLICY = {
  chainFinality: 900,
  sealRandomnessLookback: 900,
  /** A ticket older than this is refused. */
  maxPreCommitRandomnessLookback: DAY + 900,
  /** Epochs after the seed's own before it is taken as settled. */
  interactivePoRepConfidence: 6,
  minSectorExpiration: 180 * DAY,
  maxProveCommitDays: 30,
  epochsPerDay: DAY,
  /** Sectors in one pre-commit and in one prove-commit message. */
  maxPreCommitBatch: 256,
  maxProveCommitBatch: 256,
  minAggregated: 4,
} as const

/** Epochs between a pre-commit and the latest prove-commit. */
export const maxProveCommitDuration = (challengeDelay: number): number =>
  POLICY.maxProveCommitDays * POLICY.epochsPerDay + challengeDelay
