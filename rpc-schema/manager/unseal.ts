import { z } from 'zod'
import { orAbsent, orZero, Text } from '../rpc/zero-value.js'
import { Commitment } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import { list } from '../wire/list.js'
import { UnpaddedPieceSize } from '../wire/numbers.js'
import { AllocatedSector } from './allocation.js'
import { Ticket } from './commitment.js'
import { SectorPrivateInfo } from './snapup.js'

export const UNSEAL_STATE = {
  setUp: 'set_up',
  unsealing: 'unsealing',
  uploading: 'uploading',
  finished: 'finished',
  failed: 'failed',
} as const
export const UnsealState = z.enum(UNSEAL_STATE)
export type UnsealState = z.infer<typeof UnsealState>

/** What the data of an upgraded sector was mixed with: the commitments of the replica before, and of the data. */
export const UnsealUpgrade = z.object({ CommROld: Commitment, CommDNew: Commitment })
export type UnsealUpgrade = z.infer<typeof UnsealUpgrade>

/**
 * A piece to be read back from a sealed sector; `Offset` and `Size` in unpadded bytes. `Upgrade` is ours, and there when the sector was upgraded: `Ticket` and
 * `CommD` are then those of the sector before.
 */
export const SectorUnsealInfo = z.object({
  Sector: AllocatedSector,
  PieceCid: CidJson,
  Offset: orZero(UnpaddedPieceSize, () => 0),
  Size: UnpaddedPieceSize,
  PrivateInfo: SectorPrivateInfo,
  Ticket: Ticket,
  CommD: Commitment,
  Dest: list(z.string()),
  State: orZero(UnsealState, () => UNSEAL_STATE.setUp),
  ErrorInfo: Text,
  Upgrade: orAbsent(UnsealUpgrade),
})
export type SectorUnsealInfo = z.infer<typeof SectorUnsealInfo>
