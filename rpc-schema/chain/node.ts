import { z } from 'zod'
import { Float, orNull, orZero, Text } from '../rpc/zero-value.js'
import { AddressJson } from '../wire/address.js'
import { list } from '../wire/list.js'
import { ChainEpoch, Int64, Uint64 } from '../wire/numbers.js'
import { TipSet } from './tipset.js'

const Count = orZero(Uint64, () => 0)

/** `BlockDelay` in seconds. */
export const NodeVersion = z.object({
  Version: Text,
  APIVersion: orZero(Uint64, () => 0),
  BlockDelay: Count,
  Agent: orZero(z.string(), () => ''),
})
export type NodeVersion = z.infer<typeof NodeVersion>

/** Stages of one sync. */
export const SYNC_STAGE = {
  idle: 0,
  headers: 1,
  persistHeaders: 2,
  messages: 3,
  complete: 4,
  error: 5,
  fetchingMessages: 6,
} as const

/** Times are RFC 3339 text; the year 1 is "never". */
export const ActiveSync = z.object({
  WorkerID: Count,
  Base: orNull(TipSet),
  Target: orNull(TipSet),
  Stage: orZero(Int64, () => SYNC_STAGE.idle),
  Height: orZero(ChainEpoch, () => 0),
  Start: Text,
  End: Text,
  Message: Text,
})
export type ActiveSync = z.infer<typeof ActiveSync>

export const SyncState = z.object({ ActiveSyncs: list(ActiveSync), VMApplied: Count })
export type SyncState = z.infer<typeof SyncState>

/** `Behind` in seconds. */
export const NodeStatus = z.object({
  SyncStatus: z.object({ Epoch: Count, Behind: Count }),
  PeerStatus: z.object({ PeersToPublishMsgs: Int64, PeersToPublishBlocks: Int64 }),
  ChainStatus: z.object({ BlocksPerTipsetLast100: Float, BlocksPerTipsetLastFinality: Float }),
})
export type NodeStatus = z.infer<typeof NodeStatus>

export const AddrInfo = z.object({ ID: z.string(), Addrs: list(z.string()) })
export type AddrInfo = z.infer<typeof AddrInfo>

/** `PruneCooldown` in nanoseconds. */
export const MpoolConfig = z.object({
  PriorityAddrs: list(AddressJson),
  SizeLimitHigh: Int64,
  SizeLimitLow: Int64,
  ReplaceByFeeRatio: Float,
  PruneCooldown: Int64,
  GasLimitOverestimation: Float,
})
export type MpoolConfig = z.infer<typeof MpoolConfig>
