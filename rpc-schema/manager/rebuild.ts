import { z } from 'zod'
import { Bool, orNull } from '../rpc/zero-value.js'
import { AllocatedSector } from './allocation.js'
import { Ticket } from './commitment.js'
import { LegacyDeals, SectorPieces } from './deals.js'
import { SectorPublicInfo } from './snapup.js'

/** A sector whose files are to be made anew. Only one of `Pieces` and `PiecesV2` is filled. */
export const SectorRebuildInfo = z.object({
  Sector: AllocatedSector,
  Ticket: Ticket,
  Pieces: LegacyDeals,
  PiecesV2: SectorPieces,
  IsSnapUp: Bool,
  UpgradePublic: orNull(SectorPublicInfo),
})
export type SectorRebuildInfo = z.infer<typeof SectorRebuildInfo>

/** `PiecesAvailable`: the piece files are still at the piece store, so a sector with imported deals can be rebuilt. */
export const RebuildOptions = z.object({ PiecesAvailable: Bool })
export type RebuildOptions = z.infer<typeof RebuildOptions>
