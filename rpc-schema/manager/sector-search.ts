import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { orNull, Text } from '../rpc/zero-value.js'
import { CidJson } from '../wire/cid.js'
import { list, nullableList } from '../wire/list.js'
import { ActorId, AllocationId, DealId, Int64 } from '../wire/numbers.js'
import { SectorID } from '../wire/sector-id.js'
import { SectorState, SectorWorkerJob } from './sector-state.js'

/** What sectors are chosen by; every part that is given must fit. Times in milliseconds since the Unix epoch. */
export const SectorFilter = z.object({
  /** `online` or `offline`. */
  Store: orNull(z.enum(['online', 'offline'])),
  Miner: orNull(ActorId),
  /** Job classes as in `Venus.ListSectors`; a sector fits when it is of one of them. Empty is no limit. */
  Jobs: list(SectorWorkerJob),
  /** The state that was reported last. */
  State: orNull(z.string()),
  /** The worker that reported last. */
  Worker: orNull(z.string()),
  /** A deal of the built-in market. */
  Deal: orNull(DealId),
  /** An allocation of a direct deal. */
  Allocation: orNull(AllocationId),
  Piece: orNull(CidJson),
  Aborted: orNull(z.boolean()),
  /** Of which no worker has reported anything (true), or something (false). */
  Silent: orNull(z.boolean()),
  CreatedBefore: orNull(Int64),
  ChangedBefore: orNull(Int64),
})
export type SectorFilter = z.infer<typeof SectorFilter>

export const ANY_SECTOR: SectorFilter = {
  Store: null,
  Miner: null,
  Jobs: [],
  State: null,
  Worker: null,
  Deal: null,
  Allocation: null,
  Piece: null,
  Aborted: null,
  Silent: null,
  CreatedBefore: null,
  ChangedBefore: null,
}

/** Most sectors on one page. */
export const SECTOR_PAGE_LIMIT = 1_000

export const ListedSector = z.object({
  Store: z.enum(['online', 'offline']),
  CreatedAt: Int64,
  ChangedAt: Int64,
  Record: SectorState,
})
export type ListedSector = z.infer<typeof ListedSector>

/** `Next` is the cursor of the page that follows; null on the last one. */
export const SectorPage = z.object({ Sectors: list(ListedSector), Next: orNull(z.string()) })
export type SectorPage = z.infer<typeof SectorPage>

/** One thing that happened to a sector; `At` in milliseconds since the Unix epoch, `Actor` a worker, `manager` or `operator`. */
export const SectorHistoryEvent = z.object({ At: Int64, Actor: Text, Event: Text, Detail: Text })
export type SectorHistoryEvent = z.infer<typeof SectorHistoryEvent>

export const sectorSearchMethods = {
  ListSectors: method(
    `One page of the sectors that a filter chooses, by miner and number. At most ${SECTOR_PAGE_LIMIT} at once; a cursor goes on behind the page before.`,
    [param('filter', SectorFilter), param('cursor', orNull(z.string())), param('limit', Int64)],
    SectorPage,
  ),
  SectorHistory: method(
    'What happened to a sector, the newest last; empty for one that is not known.',
    [param('sid', SectorID)],
    nullableList(SectorHistoryEvent),
  ),
} as const
