import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Bool, orNull, Text } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { ActorId, ChainEpoch, Int64, SectorNumber, Uint64 } from '../wire/numbers.js'

/** A sector that could not be read, and why. */
export const UnreadSector = z.object({ Sector: SectorNumber, Why: Text })
export type UnreadSector = z.infer<typeof UnreadSector>

/** `ToProve` sectors, of which `Read` were read for trial; reading them all is expected to take `ReadMs`. */
export const RehearsedPartition = z.object({ Partition: Uint64, ToProve: Uint64, Read: Uint64, ReadMs: Uint64 })
export type RehearsedPartition = z.infer<typeof RehearsedPartition>

/** What one sector of a store took, in ms: the mean and the longest. `Sectors` of the window are expected to be there. */
export const RehearsedStore = z.object({
  Store: Text,
  Sectors: Uint64,
  Read: Uint64,
  MeanMs: Uint64,
  LongestMs: Uint64,
})
export type RehearsedStore = z.infer<typeof RehearsedStore>

/** `good`: less than 70 % of the time is needed; `tight`: more; `late`: more than there is. `failed`: the rehearsal itself. */
export const RehearsalVerdict = z.enum(['running', 'good', 'tight', 'late', 'nothing', 'failed'])
export type RehearsalVerdict = z.infer<typeof RehearsalVerdict>

/**
 * A trial before a deadline: some sectors of each partition were read as for a proof, with a challenge made up. `NeededMs`: reading everything, and making the
 * proofs as fast as in the last windows (`RestMs` for each partition); `LeftMs` is what the window leaves for it. After the window, `TookMs` is what it took.
 */
export const PostRehearsal = z.object({
  Miner: ActorId,
  Open: ChainEpoch,
  Serial: Int64,
  Deadline: Uint64,
  ByHand: Bool,
  At: Int64,
  Verdict: RehearsalVerdict,
  Error: Text,
  Partitions: list(RehearsedPartition),
  Stores: list(RehearsedStore),
  Unread: list(UnreadSector),
  UnreadCount: Uint64,
  RestMs: Uint64,
  NeededMs: Uint64,
  LeftMs: Uint64,
  TookMs: Uint64,
})
export type PostRehearsal = z.infer<typeof PostRehearsal>

export const postRehearsalMethods = {
  RehearsePost: method(
    'Begins to read some sectors of each partition of a deadline for trial; null: the next deadline; no `sectors`: all. What comes of it is in PostRehearsals.',
    [param('miner', ActorId), param('deadline', orNull(Uint64)), param('sectors', Uint64)],
    PostRehearsal,
    { permission: 'admin' },
  ),
  PostRehearsals: method(
    'The last trials before deadlines, the newest first.',
    [param('miner', orNull(ActorId)), param('limit', Uint64)],
    list(PostRehearsal),
  ),
} as const
