import { z } from 'zod'
import { method } from '../rpc/method.js'
import { Bool, orNull, Text } from '../rpc/zero-value.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { Int64, Uint64, UnpaddedPieceSize } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { SectorID } from '../wire/sector-id.js'
import { UnsealState } from './unseal.js'

/** An upgrade on its way. `NextAt`: not looked at before this, ms since the Unix epoch (0: at once); `Note`: what it waits for, or why it failed. */
export const SnapUpJobInfo = z.object({
  Sector: SectorID,
  State: z.string(),
  Attempts: Uint64,
  FailedMessages: Uint64,
  NextAt: Int64,
  Note: Text,
})
export type SnapUpJobInfo = z.infer<typeof SnapUpJobInfo>

/** A sector to be rebuilt. `TakenAt` null: it waits for a worker; `Worker` null: none has reported of it yet. */
export const RebuildQueueEntry = z.object({
  Sector: SectorID,
  ProofType: RegisteredSealProof,
  Upgraded: Bool,
  Failures: Uint64,
  TakenAt: orNull(Int64),
  Worker: orNull(z.string()),
})
export type RebuildQueueEntry = z.infer<typeof RebuildQueueEntry>

/**
 * A piece to be read back; offset and size in unpadded bytes. Destinations are shown without what may be secret in them. `Note`: what a task waits for,
 * where not every worker may take it.
 */
export const UnsealTaskInfo = z.object({
  Sector: SectorID,
  PieceCid: CidJson,
  Offset: UnpaddedPieceSize,
  Size: UnpaddedPieceSize,
  State: UnsealState,
  Error: Text,
  Dest: list(z.string()),
  Failures: Uint64,
  TakenAt: orNull(Int64),
  Worker: orNull(z.string()),
  Upgraded: Bool,
  Note: Text,
})
export type UnsealTaskInfo = z.infer<typeof UnsealTaskInfo>

export const workQueueMethods = {
  SnapUpJobs: method('The upgrades that are on their way, and where each stands.', [], list(SnapUpJobInfo)),
  RebuildQueue: method('The sectors that are to be rebuilt, and who has them.', [], list(RebuildQueueEntry)),
  UnsealTasks: method('The pieces that are to be read back, and who has them.', [], list(UnsealTaskInfo)),
} as const
