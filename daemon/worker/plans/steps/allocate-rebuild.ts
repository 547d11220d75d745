import type { LegacyDealInfo, SectorPieceV2 } from '../../../../rpc-schema/manager/deals.js'
import type { SectorRebuildInfo } from '../../../../rpc-schema/manager/rebuild.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import { event, IDLE, step } from '../../engine/plan.js'
import { baseOf } from '../../store/sector-record.js'
import { sectorSpec } from './allocate.js'
import { askForWork } from './ask-for-work.js'

/** Takes a sector whose files are to be made anew, with the ticket and the pieces it was sealed with. */
export const allocateRebuild = step([], async context => {
  const info = await askForWork(
    context,
    'AllocateRebuildSector',
    'if a sector was given out, it is not in the queue any more: set it for rebuild again',
    () => context.manager.AllocateRebuildSector(sectorSpec(context.config)),
  )
  if (info === null) return IDLE
  const { Sector, Ticket, UpgradePublic } = info
  const found = { base: baseOf(Sector), sealyard: { allocating: false } }
  const missing = missingOf(info)
  if (missing !== undefined) {
    await context.save(found)
    throw new SealError(
      'permanent',
      `${sectorName(Sector.ID)} cannot be rebuilt: the manager has ${missing}. Resume with state Aborted to give it back`,
    )
  }
  return event('AllocatedRebuildSector', {
    ...found,
    deals_v2: piecesOf(info),
    phases: { ticket: Ticket },
    // Its presence is what says that the sector was upgraded. Nothing is read from a store: the key is made anew here.
    finalized:
      UpgradePublic === null ? null : { public: { CommR: UpgradePublic.CommR }, private: { AccessInstance: '' } },
  })
})

/** What keeps a sector from being made anew; without it, another replica than the chain's would come out. */
function missingOf({ Ticket, IsSnapUp, UpgradePublic }: SectorRebuildInfo): string | undefined {
  if (Ticket.Ticket.length !== 32) return 'no ticket of the sector'
  if (IsSnapUp && UpgradePublic === null) return 'no record of what the sector was before its upgrade'
  return undefined
}

const piecesOf = ({ Pieces, PiecesV2 }: SectorRebuildInfo): SectorPieceV2[] | null => {
  if (PiecesV2 !== null && PiecesV2.length > 0) return PiecesV2
  return Pieces?.map(modernized) ?? null
}

/** A piece of the first generation: a deal of the built-in market, or with id 0 a filler. */
const modernized = ({ ID, PayloadSize, Piece, IsCompatible }: LegacyDealInfo): SectorPieceV2 => ({
  Piece: { Size: Piece.Size, PieceCID: Piece.Cid },
  DealInfo: {
    DealID: ID,
    PublishCid: null,
    AllocationID: 0,
    PieceCID: Piece.Cid,
    PieceSize: Piece.Size,
    Client: Address.EMPTY,
    Provider: Address.EMPTY,
    Offset: Piece.Offset,
    Length: Piece.Size,
    PayloadSize,
    StartEpoch: 0,
    EndEpoch: 0,
    IsBuiltinMarket: true,
    IsCompatible,
  },
})
