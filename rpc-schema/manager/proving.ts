import { z } from 'zod'
import { SectorOnChainInfo } from '../chain/sectors.js'
import { orNull, orZero, Text } from '../rpc/zero-value.js'
import { CidJson } from '../wire/cid.js'
import { SectorNumber } from '../wire/numbers.js'
import { RegisteredSealProof } from '../wire/proof-types.js'
import { SectorAccessStores } from './stores.js'

/** A sector to be checked; `SectorKey` is the sealed CID from before a snap-up. */
export const ExtendedSectorInfo = z.object({
  SealProof: RegisteredSealProof,
  SectorNumber: SectorNumber,
  SectorKey: orNull(CidJson),
  SealedCID: CidJson,
})
export type ExtendedSectorInfo = z.infer<typeof ExtendedSectorInfo>

/** Where the files of a sector are: store names, absolute paths, and paths within the store. */
export const PrivateSectorInfo = z.object({
  Accesses: orZero(SectorAccessStores, () => ({ SealedFile: '', CacheDir: '' })),
  CacheDirPath: Text,
  SealedSectorPath: Text,
  CacheDirURI: Text,
  SealedSectorURI: Text,
})
export type PrivateSectorInfo = z.infer<typeof PrivateSectorInfo>

/** `SealedCID` is null only in the zero value that a manager without a chain answers. */
export const ProvingOnChainInfo = SectorOnChainInfo.extend({ SealedCID: orNull(CidJson) })
export type ProvingOnChainInfo = z.infer<typeof ProvingOnChainInfo>

export const ProvingSectorInfo = z.object({ OnChain: ProvingOnChainInfo, Private: PrivateSectorInfo })
export type ProvingSectorInfo = z.infer<typeof ProvingSectorInfo>

/** Bad sectors and why; a sector that is not in the map is good. Keys are sector numbers in decimal. */
export const ProvableFaults = z.record(z.string().regex(/^\d+$/), z.string())
export type ProvableFaults = z.infer<typeof ProvableFaults>
