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
 * | part  | what a job is                                                                              | needs           |
 * |-------|--------------------------------------------------------------------------------------------|-----------------|
 * | whole | a proof, from reading the sectors to the SNARK                                              | stores, prover  |
 * | read  | what some sectors of a proof have to show for its challenges (their vanilla proofs)         | stores          |
 * | prove | the SNARK over what was read, which can begin when all sectors of the proof have been read | prover          |
 */
export const WDPOST_PARTS = ['whole', 'read', 'prove'] as const
export const WdPoStPart = z.enum(WDPOST_PARTS)
export type WdPoStPart = z.infer<typeof WdPoStPart>

/**
 * What a worker can prove. The proof types are *names* here (`StackedDrgWindow32GiBV1_2`), compared as text;
 * an empty list is no limit. `AllowedParts`: absent with workers that know whole jobs only. `Stores`: those that the worker has; absent: not told.
 */
export const AllocateWdPoStJobSpec = z.object({
  AllowedMiners: list(ActorId),
  AllowedProofTypes: list(z.string()),
  AllowedParts: list(WdPoStPart).optional(),
  Stores: list(z.string()).optional(),
})
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

/** `Sectors`: all those of the proof, of which `Input` has the ones to be read: older proof types draw the challenges of all together. Times in ms. */
export const WdPoStReading = z.object({ Sectors: list(SectorNumber), SectorLimit: Count, Limit: Count })
export type WdPoStReading = z.infer<typeof WdPoStReading>

/** What was read, to be fetched below `VANILLA_ROUTE`. `Id` is the SHA-256 of its bytes in hex. */
export const WdPoStVanilla = z.object({ Id: z.string(), Bytes: Count })
export type WdPoStVanilla = z.infer<typeof WdPoStVanilla>

/** `Read`: it is a part of that kind; `Prove` as well. Neither: a whole job. */
export const WdPoStAllocatedJob = z.object({
  Id: z.string(),
  Input: WdPoStInput,
  Read: WdPoStReading.optional(),
  Prove: z.object({ Vanillas: list(WdPoStVanilla) }).optional(),
})
export type WdPoStAllocatedJob = z.infer<typeof WdPoStAllocatedJob>

/** `unread`: of a job that reads, sectors of which there was no answer; those neither there nor in `faults` have been handed in. */
export const WindowPoStOutput = z.object({
  proofs: list(Base64Bytes),
  faults: list(SectorNumber),
  unread: list(SectorNumber).optional(),
})
export type WindowPoStOutput = z.infer<typeof WindowPoStOutput>

export const WDPOST_JOB_STATE = { readyToRun: 'ready2run', running: 'running', finished: 'finished' } as const
export const WdPoStJobState = z.enum(WDPOST_JOB_STATE)
export type WdPoStJobState = z.infer<typeof WdPoStJobState>

/**
 * A job without its bulk: of `Input` only `MinerId` is kept, `Output` has nulls, `Sectors` and `Faults` are counts. `Part` is absent for whole jobs.
 * `Waits`: sectors that are to be read before the job can begin.
 */
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
  Part: WdPoStPart.optional(),
  Waits: Count.optional(),
})
export type BriefWdPoStJob = z.infer<typeof BriefWdPoStJob>

export const AllWdPoStJob = z.object({ Jobs: nullableList(BriefWdPoStJob), MaxTry: Count })
export type AllWdPoStJob = z.infer<typeof AllWdPoStJob>
