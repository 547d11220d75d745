import { z } from 'zod'

/**
 * 64 bit unsigned numbers of the wire. JSON numbers beyond 2^53 − 1 lose digits before they reach us, so they are refused rather
 * than rounded.
 */
export const Uint64 = z.int().nonnegative()
export type Uint64 = z.infer<typeof Uint64>

/**
 * 64 bit unsigned numbers that are limits, where clients write the largest there is for "as much as you like": what is beyond 2^53 − 1 is taken as
 * that.
 */
export const Uint64Limit = z.codec(
  z.number().nonnegative().refine(Number.isInteger, 'expected a whole number'),
  z.int().nonnegative(),
  { decode: value => Math.min(value, Number.MAX_SAFE_INTEGER), encode: value => value },
)
export type Uint64Limit = z.infer<typeof Uint64Limit>

/** 64 bit signed numbers of the wire, within ±(2^53 − 1). */
export const Int64 = z.int()
export type Int64 = z.infer<typeof Int64>

/** Number of an actor: 1000 of `f01000`. */
export const ActorId = z.int().nonnegative()
export type ActorId = z.infer<typeof ActorId>

export const SectorNumber = z.int().nonnegative()
export type SectorNumber = z.infer<typeof SectorNumber>

/** Height of the chain. Signed: −1 stands for "never" in several structures. */
export const ChainEpoch = z.int()
export type ChainEpoch = z.infer<typeof ChainEpoch>

/** Deal of the built-in market; 0 is "no deal". */
export const DealId = z.int().nonnegative()
export type DealId = z.infer<typeof DealId>

/** Allocation of the verified registry; 0 is "no allocation". */
export const AllocationId = z.int().nonnegative()
export type AllocationId = z.infer<typeof AllocationId>

/** Bytes of a piece after bit padding. The wire also carries 0 for "none", so being a power of two is for {@link isPaddedPieceSize}. */
export const PaddedPieceSize = z.int().nonnegative()
export type PaddedPieceSize = z.infer<typeof PaddedPieceSize>

/** Bytes of a piece before bit padding. */
export const UnpaddedPieceSize = z.int().nonnegative()
export type UnpaddedPieceSize = z.infer<typeof UnpaddedPieceSize>

/** Bit padding turns 127 bytes into 128: 254 data bits fit a field element of 256. */
const UNPADDED_UNIT = 127
const PADDED_UNIT = 128

/** Padded bytes of `size` unpadded bytes. Throws a RangeError unless `size` is a multiple of 127. */
export function padded(size: UnpaddedPieceSize): PaddedPieceSize {
  if (!Number.isSafeInteger(size) || size < 0 || size % UNPADDED_UNIT !== 0) {
    throw new RangeError(`unpadded size ${size} is not a multiple of ${UNPADDED_UNIT} bytes`)
  }
  return (size / UNPADDED_UNIT) * PADDED_UNIT
}

/** Unpadded bytes in `size` padded bytes. Throws a RangeError unless `size` is a multiple of 128. */
export function unpadded(size: PaddedPieceSize): UnpaddedPieceSize {
  if (!Number.isSafeInteger(size) || size < 0 || size % PADDED_UNIT !== 0) {
    throw new RangeError(`padded size ${size} is not a multiple of ${PADDED_UNIT} bytes`)
  }
  return (size / PADDED_UNIT) * UNPADDED_UNIT
}

export const isPowerOfTwo = (size: number): boolean =>
  Number.isSafeInteger(size) && size > 0 && Number.isInteger(Math.log2(size))

/** A piece can have this padded size: a power of two, at least 128. */
export const isPaddedPieceSize = (size: number): boolean => size >= PADDED_UNIT && isPowerOfTwo(size)

/** A piece can have this unpadded size: 127 · 2^n. */
export const isUnpaddedPieceSize = (size: number): boolean =>
  size > 0 && size % UNPADDED_UNIT === 0 && isPowerOfTwo(size / UNPADDED_UNIT)
