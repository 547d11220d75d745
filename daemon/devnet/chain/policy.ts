import { type DeadlineConstants, MAINNET_DEADLINES } from '../../../rpc-schema/wire/deadline.js'
import { SEAL_PROOFS, type SealProofType } from '../../../rpc-schema/wire/proof-types.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'

export const EPOCHS_IN_DAY = 2880
const EPOCHS_IN_HOUR = EPOCHS_IN_DAY / 24
const EPOCHS_IN_YEAR = 365 * EPOCHS_IN_DAY

/** Constants of the miner actor (builtin-actors `runtime/src/runtime/policy.rs`), in epochs unless said. Mainnet's, not shortened. */
export const POLICY = {
  chainFinality: 900,
  maxPreCommitRandomnessLookback: EPOCHS_IN_DAY + 900,
  minSectorExpiration: 180 * EPOCHS_IN_DAY,
  maxSectorExpirationExtension: 1278 * EPOCHS_IN_DAY,
  maxSectorLifetime: 5 * EPOCHS_IN_YEAR,
  /** How long a pre-commit outlives the time in which it can be proven. */
  expiredPreCommitCleanUpDelay: 8 * EPOCHS_IN_HOUR,
  /** Sectors in one message. */
  maxPreCommitBatch: 256,
  minAggregatedSectors: 4,
  maxAggregatedSectors: 819,
  maxAggregatedProofBytes: 81_960,
  maxPartitionsPerDeadline: 3000,
  /** In one WindowPoSt, and in one message about partitions. */
  maxPoStPartitions: 3,
  maxDeclarations: 3000,
  maxAddressedSectors: 25_000,
  /** Proving periods that a sector may be faulty before the chain ends it. */
  faultMaxPeriods: 42,
  maxReplicaUpdateBatch: 256,
  maxReplicaUpdateProofBytes: 4096,
  /** Before its end a sector may lose claims whose least term is over. */
  endOfLifeClaimDropPeriod: 30 * EPOCHS_IN_DAY,
  /** Age from which on the fee for ending a sector no longer grows. */
  terminationLifetimeCap: 140 * EPOCHS_IN_DAY,
  /** Verified allocations: bytes (1 MiB on mainnet, which no small sector could hold), terms of the data, time to claim. */
  minAllocationBytes: 256,
  minAllocationTerm: 180 * EPOCHS_IN_DAY,
  maxAllocationTerm: 5 * EPOCHS_IN_YEAR,
  maxAllocationExpiration: 60 * EPOCHS_IN_DAY,
  /** Deals of the built-in market; a sector may outlive a verified one by the slack and still claim its allocation. */
  minDealDuration: 180 * EPOCHS_IN_DAY,
  maxDealDuration: 1278 * EPOCHS_IN_DAY,
  maxDealLabelBytes: 256,
  dealTermSlack: 90 * EPOCHS_IN_DAY,
  /** attoFIL that there can ever be: no deal costs more. */
  totalFilecoin: 2_000_000_000n * FIL,
} as const

/**
 * A proving period of so many deadlines of so many epochs. The look-backs shrink with the window, as far as whole epochs allow; mainnet's
 * window gives mainnet's constants.
 */
export function deadlineConstants(challengeWindow: number, deadlines: number): DeadlineConstants {
  // With fewer, every deadline would be open or about to open, and no sector could be put anywhere.
  if (challengeWindow < 2 || deadlines < 4) {
    throw new RangeError(
      `a proving period of ${deadlines} deadlines of ${challengeWindow} epochs: expected at least 4 deadlines of 2 epochs`,
    )
  }
  const { WPoStChallengeWindow, WPoStChallengeLookback, FaultDeclarationCutoff } = MAINNET_DEADLINES
  const scaled = (epochs: number): number => Math.max(1, Math.round((epochs * challengeWindow) / WPoStChallengeWindow))
  return {
    WPoStPeriodDeadlines: deadlines,
    WPoStProvingPeriod: deadlines * challengeWindow,
    WPoStChallengeWindow: challengeWindow,
    WPoStChallengeLookback: scaled(WPoStChallengeLookback),
    FaultDeclarationCutoff: scaled(FaultDeclarationCutoff),
  }
}

/** Epochs after a window in which its proofs could be disputed; a deadline cannot be compacted before. Shrinks with the period. */
export const disputeWindow = ({ WPoStProvingPeriod }: DeadlineConstants): number =>
  Math.round((2 * POLICY.chainFinality * WPoStProvingPeriod) / MAINNET_DEADLINES.WPoStProvingPeriod)

/** Bytes of power from which on a miner takes part in consensus: of a development network. */
export const CONSENSUS_MINER_MIN_POWER = 2048n

/** Version of the network whose rules these are, and of its actors. */
export const NETWORK_VERSION = 28

/** PoSt proof that miners of this sector size register: the one with the grindability fix. */
export const windowPoStOf = (proof: SealProofType): number => proof.windowPoSt + 5

/** Seal proofs a sector may be pre-committed with: V1_1 and synthetic. */
export const canPreCommit = (proof: number): boolean => {
  const known = SEAL_PROOFS[proof]
  return known !== undefined && known.number >= 5 && known.feature !== 'nonInteractive'
}

/** Epochs from the pre-commit in which the proof must land. */
export const maxProveCommitDuration = (challengeDelay: number): number => 30 * EPOCHS_IN_DAY + challengeDelay
