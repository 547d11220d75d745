import { z } from 'zod'
import { Bool, Float, orNull, orZero } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { nullableList } from '../wire/list.js'
import { ActorId, ChainEpoch, Int64, SectorNumber, Uint64 } from '../wire/numbers.js'
import { GoDuration } from './go-duration.js'

/**
 * FIL in this structure is a bare JSON number of attoFIL. JSON numbers keep 53 bits: an amount up to 2^53−1 attoFIL is exact, a larger
 * one is rounded to the nearest double in both directions (an error below 10^-15 of it). The value is shown, never paid with.
 */
export const BareAttoFil = z.codec(z.number(), z.bigint(), {
  decode: (value, ctx) => {
    if (Number.isInteger(value)) return BigInt(value)
    ctx.issues.push({ code: 'custom', input: value, message: 'expected a whole number of attoFIL' })
    return z.NEVER
  },
  encode: amount => Number(amount),
})

const Fil = orNull(BareAttoFil)
const Duration = orZero(GoDuration, () => 0)
const Epochs = orZero(ChainEpoch, () => 0)
const Count = orZero(Int64, () => 0)

const sender = { Sender: orNull(AddressJson), Senders: nullableList(AddressJson) }
/** Gas knobs: factors on the estimates, and caps in attoFIL. */
const fee = { GasOverEstimation: Float, GasOverPremium: Float, GasFeeCap: Fil, MaxFeeCap: Fil }

export const MinerSectorConfig = z.object({
  InitNumber: orZero(SectorNumber, () => 0),
  MinNumber: orNull(SectorNumber),
  MaxNumber: orNull(SectorNumber),
  Enabled: Bool,
  EnableDeals: Bool,
  LifetimeDays: orZero(Uint64, () => 0),
  Verbose: Bool,
})
export type MinerSectorConfig = z.infer<typeof MinerSectorConfig>

export const MinerSnapUpRetryConfig = z.object({
  MaxAttempts: orNull(Int64),
  PollInterval: Duration,
  APIFailureWait: Duration,
  LocalFailureWait: Duration,
})
export type MinerSnapUpRetryConfig = z.infer<typeof MinerSnapUpRetryConfig>

/** `MessageConfidential` and `ReleaseCondidential` are the old names of the confidences. */
export const MinerSnapUpConfig = z.object({
  Enabled: Bool,
  ...sender,
  SendFund: Bool,
  ...fee,
  CleanupCCData: Bool,
  MessageConfidential: orNull(ChainEpoch),
  ReleaseCondidential: orNull(ChainEpoch),
  MessageConfidence: Epochs,
  ReleaseConfidence: Epochs,
  Retry: MinerSnapUpRetryConfig,
})
export type MinerSnapUpConfig = z.infer<typeof MinerSnapUpConfig>

/** Sectors wait until there are `Threshold` of them, or one has waited `MaxWait`. */
export const MinerBatchConfig = z.object({ Threshold: Count, MaxWait: Duration, CheckInterval: Duration, ...fee })
export type MinerBatchConfig = z.infer<typeof MinerBatchConfig>

export const MinerMessageConfig = z.object({ ...sender, SendFund: Bool, ...fee, Batch: MinerBatchConfig })
export type MinerMessageConfig = z.infer<typeof MinerMessageConfig>

export const MinerCommitmentConfig = z.object({
  Confidence: Epochs,
  Pre: MinerMessageConfig,
  Prove: MinerMessageConfig,
  Terminate: MinerMessageConfig,
})
export type MinerCommitmentConfig = z.infer<typeof MinerCommitmentConfig>

export const MinerPoStConfig = z.object({
  ...sender,
  Enabled: Bool,
  StrictCheck: Bool,
  Parallel: Bool,
  ...fee,
  Confidence: Count,
  SubmitConfidence: Epochs,
  ChallengeConfidence: Epochs,
  MaxRecoverSectorLimit: Count,
  MaxPartitionsPerPoStMessage: Count,
  MaxPartitionsPerRecoveryMessage: Count,
})
export type MinerPoStConfig = z.infer<typeof MinerPoStConfig>

export const MinerSealingConfig = z.object({
  SealingEpochDuration: Count,
  RequireActivationSuccess: Bool,
  RequireActivationSuccessUpdate: Bool,
  RequireNotificationSuccess: Bool,
  RequireNotificationSuccessUpdate: Bool,
  UseSyntheticPoRep: Bool,
  SealingSectorDeadlineDelayNi: Epochs,
})
export type MinerSealingConfig = z.infer<typeof MinerSealingConfig>

/** The configuration of one miner as the manager shows it. */
export const MinerConfig = z.object({
  Actor: ActorId,
  Sector: MinerSectorConfig,
  SnapUp: MinerSnapUpConfig,
  Commitment: MinerCommitmentConfig,
  PoSt: MinerPoStConfig,
  Proof: z.object({ Enabled: Bool }),
  Sealing: MinerSealingConfig,
})
export type MinerConfig = z.infer<typeof MinerConfig>
