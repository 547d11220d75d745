import { z } from 'zod'
import { Bool, Float, orNull, orZero, Text } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { Int64, Uint64 } from '../wire/numbers.js'

const Bytes = orZero(Uint64, () => 0)

/** The configuration of a persist store as workers see it. */
export const StoreBasicInfo = z.object({
  Name: z.string(),
  Path: Text,
  Strict: Bool,
  ReadOnly: Bool,
  Weight: orZero(Uint64, () => 0),
  Meta: orNull(z.record(z.string(), z.string())),
})
export type StoreBasicInfo = z.infer<typeof StoreBasicInfo>

/** Space held back in a store for a sector (`s-t0<miner>-<number>`) since `At` (unix seconds). */
export const StoreReserved = z.object({ By: z.string(), Size: Bytes, At: orZero(Int64, () => 0) })
export type StoreReserved = z.infer<typeof StoreReserved>

/** Sizes in bytes; `UsedPercent` of the file system, 0–100. */
export const StoreDetailedInfo = z.object({
  ...StoreBasicInfo.shape,
  Type: Text,
  Total: Bytes,
  Free: Bytes,
  Used: Bytes,
  UsedPercent: Float,
  Reserved: Bytes,
  ReservedBy: list(StoreReserved),
})
export type StoreDetailedInfo = z.infer<typeof StoreDetailedInfo>

/** Names of the stores that hold the two parts of a sector. */
export const SectorAccessStores = z.object({ SealedFile: Text, CacheDir: Text })
export type SectorAccessStores = z.infer<typeof SectorAccessStores>

export const SECTOR_INDEX_TYPE = { normal: 'normal', upgrade: 'upgrade' } as const
/** Not limited to the two: an unknown index is an error of the method, not of its parameters. */
export const SectorIndexType = z.string()

export const SectorIndexLocation = z.object({
  Found: Bool,
  Instance: orZero(SectorAccessStores, () => ({ SealedFile: '', CacheDir: '' })),
})
export type SectorIndexLocation = z.infer<typeof SectorIndexLocation>
