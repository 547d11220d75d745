import { z } from 'zod'
import { Bool, orZero, Text } from '../rpc/zero-value.js'
import { Base64Bytes, Commitment } from '../wire/bytes.js'
import { list, nullableList } from '../wire/list.js'
import { ActorId, Int64, SectorNumber, Uint64 } from '../wire/numbers.js'
import { SectorAccessStores } from './stores.js'

const Count = orZero(Uint64, () => 0)
/** Unix seconds, 0 when it has not happened. */
const Time = orZero(Int64, () => 0)

/**
 * What a worker can prove. The proof types are *names* here (`StackedDrgWindow32GiBV1_2`), compared as text;
 * an empty list is no limit.
 */
export const AllocateWdPoStJobSpec = z.object({ AllowedMiners: list(ActorId), AllowedProofTypes: list(z.string()) })
export type AllocateWdPoStJobSpec = z.infer<typeof AllocateWdPoStJobSpec>

/** `Upgrade`: the files are those of a snap-up (`update/…`, `update-cache/…`). */
export const WdPoStSectorInfo = z.object({
  SectorId: SectorNumber,
  CommR: Commitment,
  Upgrade: Bool,
  Accesses: SectorAccessStores,
})
export type WdPoStSectorInfo = z.infer<typeof WdPoStSectorInfo>

/** `ProofType` is a name; the last byte of `Seed` is masked with 0x3f. */
export const WdPoStInput = z.object({
  Sectors: list(WdPoStSectorInfo),
  MinerId: ActorId,
  ProofType: Text,
  Seed: Commitment,
})
export type WdPoStInput = z.infer<typeof WdPoStInput>

export const WdPoStAllocatedJob = z.object({ Id: z.string(), Input: WdPoStInput })
export type WdPoStAllocatedJob = z.infer<typeof WdPoStAllocatedJob>

export const WindowPoStOutput = z.object({ proofs: list(Base64Bytes), faults: list(SectorNumber) })
export type WindowPoStOutput = z.infer<typeof WindowPoStOutput>

export const WDPOST_JOB_STATE = { readyToRun: 'ready2run', running: 'running', finished: 'finished' } as const
export const WdPoStJobState = z.enum(WDPOST_JOB_STATE)
export type WdPoStJobState = z.infer<typeof WdPoStJobState>

/** A job without its bulk: of `Input` only `MinerId` is kept, `Output` has nulls, `Sectors` and `Faults` are counts. */
export const BriefWdPoStJob = z.object({
  Id: z.string(),
  State: WdPoStJobState,
  DeadlineIdx: Count,
  Partitions: nullableList(Uint64),
  Input: WdPoStInput.extend({ Sectors: nullableList(WdPoStSectorInfo) }),
  Output: z.object({ proofs: nullableList(Base64Bytes), faults: nullableList(SectorNumber) }),
  TryNum: Count,
  ErrorReason: Text,
  WorkerName: Text,
  StartedAt: Time,
  HeartbeatAt: Time,
  FinishedAt: Time,
  CreatedAt: Time,
  UpdatedAt: Time,
  Sectors: Count,
  Faults: Count,
})
export type BriefWdPoStJob = z.infer<typeof BriefWdPoStJob>

export const AllWdPoStJob = z.object({ Jobs: nullableList(BriefWdPoStJob), MaxTry: Count })
export type AllWdPoStJob = z.infer<typeof AllWdPoStJob>
