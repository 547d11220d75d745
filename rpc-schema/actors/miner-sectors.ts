import { array, bitfield, bool, type CborValue, int, tuple, uint } from '../wire/cbor.js'
import { SectorsOfPartition } from './miner-post.js'

/** Method 9. */
export const TerminateSectorsParams = tuple({ Terminations: array(SectorsOfPartition) })
export type TerminateSectorsParams = CborValue<typeof TerminateSectorsParams>

/** `Done` is false when the chain terminates the rest later, by cron. */
export const TerminateSectorsReturn = tuple({ Done: bool })
export type TerminateSectorsReturn = CborValue<typeof TerminateSectorsReturn>

export const ExpirationExtension = tuple({ Deadline: uint, Partition: uint, Sectors: bitfield, NewExpiration: int })
export type ExpirationExtension = CborValue<typeof ExpirationExtension>

/** Method 8. Refused for sectors with verified claims, which method 32 takes. */
export const ExtendSectorExpirationParams = tuple({ Extensions: array(ExpirationExtension) })
export type ExtendSectorExpirationParams = CborValue<typeof ExtendSectorExpirationParams>

export const SectorClaim = tuple({ SectorNumber: uint, MaintainClaims: array(uint), DropClaims: array(uint) })
export type SectorClaim = CborValue<typeof SectorClaim>

export const ExpirationExtension2 = tuple({
  Deadline: uint,
  Partition: uint,
  /** Sectors without verified claims. */
  Sectors: bitfield,
  SectorsWithClaims: array(SectorClaim),
  NewExpiration: int,
})
export type ExpirationExtension2 = CborValue<typeof ExpirationExtension2>

/** Method 32. */
export const ExtendSectorExpiration2Params = tuple({ Extensions: array(ExpirationExtension2) })
export type ExtendSectorExpiration2Params = CborValue<typeof ExtendSectorExpiration2Params>

/** Method 19. */
export const CompactPartitionsParams = tuple({ Deadline: uint, Partitions: bitfield })
export type CompactPartitionsParams = CborValue<typeof CompactPartitionsParams>

/** Method 20: numbers that will never be used. */
export const CompactSectorNumbersParams = tuple({ MaskSectorNumbers: bitfield })
export type CompactSectorNumbersParams = CborValue<typeof CompactSectorNumbersParams>

/** Method 33. */
export const MovePartitionsParams = tuple({ OrigDeadline: uint, DestDeadline: uint, Partitions: bitfield })
export type MovePartitionsParams = CborValue<typeof MovePartitionsParams>
