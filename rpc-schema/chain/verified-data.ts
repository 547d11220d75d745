import { z } from 'zod'
import { CidJson } from '../wire/cid.js'
import { ActorId, ChainEpoch, PaddedPieceSize, SectorNumber } from '../wire/numbers.js'

/** Verified data that a client has promised to a provider; ends unclaimed at `Expiration`. Terms in epochs. */
export const Allocation = z.object({
  Client: ActorId,
  Provider: ActorId,
  Data: CidJson,
  Size: PaddedPieceSize,
  TermMin: ChainEpoch,
  TermMax: ChainEpoch,
  Expiration: ChainEpoch,
})
export type Allocation = z.infer<typeof Allocation>

/** An allocation that a provider has taken into a sector. */
export const AllocationClaim = z.object({
  Provider: ActorId,
  Client: ActorId,
  Data: CidJson,
  Size: PaddedPieceSize,
  TermMin: ChainEpoch,
  TermMax: ChainEpoch,
  TermStart: ChainEpoch,
  Sector: SectorNumber,
})
export type AllocationClaim = z.infer<typeof AllocationClaim>

/** A Go map whose keys are numbers: decimal text in JSON. */
export const byId = <S extends z.ZodType>(value: S) =>
  z.record(z.string().regex(/^\d+$/, 'expected a number as text'), value)
