import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { type SealProofType, sealProof, sealProofFor } from '../../../rpc-schema/wire/proof-types.js'

const DAY = 2_880

/** What the network takes for sectors that come together: a share (`1 / divisor`) of the gas that they would have used one by one. */
export interface BatchFee {
  readonly gasPerSector: bigint
  readonly divisor: bigint
  /** attoFIL for a unit of gas, if the base fee is lower. */
  readonly leastGasPrice: bigint
}

/** One proof for many sectors. */
export interface AggregateRules {
  /** SnarkPack version of aggregated seal proofs: 0 is V1, 1 is V2. */
  readonly proof: number
  readonly least: number
  readonly most: number
  readonly proofBytes: number
  /** Undefined where an aggregate costs nothing but its gas. */
  readonly fee: BatchFee | undefined
}

/** Of one message that names sectors of many partitions. */
export interface AddressedBounds {
  readonly sectors: number
  readonly declarations: number
}

/** What the end of a sector burns: a share of its pledge that grows with its age, and never less than another share. */
export interface TerminationFee {
  readonly perMilleOfPledge: bigint
  readonly grownAfterDays: number
  readonly leastPercent: bigint
}

/** What the network demands of sealing from a version on. */
export interface NetworkRules {
  readonly from: number
  /** Families of seal proofs that new sectors may have; the first is the plain one. */
  readonly sealProofSuffix: 'V1' | 'V1_1'
  readonly syntheticPoRep: boolean
  /** Method numbers of a miner. */
  readonly methods: {
    readonly preCommit: number
    readonly proveCommit: number
    readonly replicaUpdate: number
    readonly terminate: number
    readonly extend: number
  }
  readonly mostPreCommits: number
  /** Of a message with more than one pre-commit; undefined where it costs nothing but its gas. */
  readonly preCommitFee: BatchFee | undefined
  readonly aggregate: AggregateRules
  readonly addressed: AddressedBounds
  /** Partitions that one window PoSt message can prove. */
  readonly partitionsPerPoSt: number
  /** Lengths of a sector's life, in epochs. */
  readonly life: {
    /** From its proof to its end. */
    readonly least: number
    /** From now on, at most: at its beginning and at every extension. */
    readonly mostAhead: number
    /** From its activation on, with all extensions. */
    readonly most: number
  }
  /** Undefined where it depends on rewards that only the node knows. */
  readonly terminationFee: TerminationFee | undefined
}

const DIVISOR_AND_PRICE = { divisor: 20n, leastGasPrice: 5_000_000_000n } as const

const SINCE_22: Omit<NetworkRules, 'from'> = {
  sealProofSuffix: 'V1_1',
  syntheticPoRep: true,
  methods: {
    preCommit: METHODS.miner.PreCommitSectorBatch2,
    proveCommit: METHODS.miner.ProveCommitSectors3,
    replicaUpdate: METHODS.miner.ProveReplicaUpdates3,
    terminate: METHODS.miner.TerminateSectors,
    extend: METHODS.miner.ExtendSectorExpiration2,
  },
  mostPreCommits: 256,
  preCommitFee: { gasPerSector: 16_433_324n, ...DIVISOR_AND_PRICE },
  aggregate: {
    proof: 1,
    least: 4,
    most: 819,
    proofBytes: 81_960,
    fee: { gasPerSector: 49_299_973n, ...DIVISOR_AND_PRICE },
  },
  addressed: { sectors: 25_000, declarations: 3_000 },
  partitionsPerPoSt: 3,
  life: { least: 180 * DAY, mostAhead: 1_278 * DAY, most: 5 * 365 * DAY },
  terminationFee: undefined,
}

/**
 * FIP-0100 and FIP-0098: no fees for batches; the end of a sector costs a share of its pledge. The actor's limit of 256 pre-commits is gone, too: it
 * stays ours, since what fits into one message is up to its gas from here on.
 */
const SINCE_25: Omit<NetworkRules, 'from'> = {
  ...SINCE_22,
  preCommitFee: undefined,
  aggregate: { ...SINCE_22.aggregate, fee: undefined },
  terminationFee: { perMilleOfPledge: 85n, grownAfterDays: 140, leastPercent: 2n },
}

/** The newest version whose rules were looked at (builtin-actors 18). */
export const NEWEST_KNOWN_VERSION = 28

/**
 * One row for each version that changed something, the newest first. Later versions are served by the newest row. 23, 24, 26 and 28 changed nothing of
 * this; 27 took old methods away (8, 26 and 27) that are not used here.
 */
const RULES: readonly NetworkRules[] = [
  { from: 25, ...SINCE_25 },
  { from: 22, ...SINCE_22 },
]

/** Where no chain can be asked. */
export const NEWEST_RULES: NetworkRules = RULES[0]!

/** Throws an Error for a version that is too old to be sealed on. */
export function networkRules(version: number): NetworkRules {
  const rules = RULES.find(row => version >= row.from)
  if (rules === undefined)
    throw new Error(
      `network version ${version} is not supported: sealing needs ProveCommitSectors3, which came with 22`,
    )
  return rules
}

/** attoFIL that a batch of so many sectors burns beside its gas. */
export function batchFee(fee: BatchFee | undefined, sectors: number, baseFee: bigint): bigint {
  if (fee === undefined) return 0n
  const price = baseFee > fee.leastGasPrice ? baseFee : fee.leastGasPrice
  return (price * fee.gasPerSector * BigInt(sectors)) / fee.divisor
}

/** The proof with which new sectors of this size are sealed. */
export function sealProofOf(rules: NetworkRules, sectorSize: number, synthetic: boolean): SealProofType {
  if (!synthetic) return sealProofFor(sectorSize, rules.sealProofSuffix)
  if (!rules.syntheticPoRep)
    throw new Error('Sealing.UseSyntheticPoRep is set, but the network does not know synthetic PoRep')
  return sealProofFor(sectorSize, SYNTHETIC_SUFFIX)
}

const SYNTHETIC_SUFFIX = 'V1_1_Feat_SyntheticPoRep'

/** Why a sector that is sealed with this proof cannot be pre-committed any more; undefined when it can. */
export function sealProofProblem(rules: NetworkRules, number: number): string | undefined {
  const { name, sectorSize } = sealProof(number)
  const taken = [sealProofFor(sectorSize, rules.sealProofSuffix)]
  if (rules.syntheticPoRep) taken.push(sealProofFor(sectorSize, SYNTHETIC_SUFFIX))
  if (taken.some(proof => proof.number === number)) return undefined
  const names = taken.map(proof => proof.name).join(' and ')
  return `it is sealed with ${name}, which the network does not take for new sectors (it takes ${names}): it must be sealed anew`
}

/** What no version from 22 on has changed. */
export const POLICY = {
  chainFinality: 900,
  sealRandomnessLookback: 900,
  /** A ticket older than this is refused. */
  maxPreCommitRandomnessLookback: DAY + 900,
  /** Epochs after the seed's own before it is taken as settled. */
  interactivePoRepConfidence: 6,
  maxProveCommitDays: 30,
  epochsPerDay: DAY,
} as const

/** Epochs between a pre-commit and the latest prove-commit. */
export const maxProveCommitDuration = (challengeDelay: number): number =>
  POLICY.maxProveCommitDays * POLICY.epochsPerDay + challengeDelay
