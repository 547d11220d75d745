import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type { Ticket } from '../../../rpc-schema/manager/commitment.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { cidToCommD } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorPieces } from '../allocation/pieces.js'
import type { IndexKind } from '../storage/index-repository.js'

/** What a sector is unsealed by. */
export interface UnsealSource {
  readonly sector: AllocatedSector
  readonly ticket: Ticket
  readonly commD: Uint8Array
  /** Under which name the files that hold the data are kept. */
  readonly index: IndexKind
}

/** By the record; a string says what it lacks. An upgraded sector holds its data in the files of the upgrade, under the commitment of the upgrade. */
export function unsealSource(record: SectorState): UnsealSource | string {
  const ticket = record.Pre?.Ticket ?? record.Ticket
  if (ticket === undefined || ticket.Ticket.length !== 32) return 'the ticket of the sector is not known'
  const common = { sector: { ID: record.ID, ProofType: record.SectorType }, ticket }
  if (record.Upgraded) {
    const { UnsealedCID: unsealed = null } = record.UpgradedInfo ?? {}
    const commD = unsealed === null ? commDOfPieces(record) : cidToCommD(unsealed)
    return commD === undefined
      ? 'the unsealed CID of the upgraded sector is not known'
      : { ...common, commD, index: 'upgrade' }
  }
  const commD = record.Pre === undefined ? commDOfPieces(record) : cidToCommD(record.Pre.CommD)
  return commD === undefined ? 'the unsealed CID of the sector is not known' : { ...common, commD, index: 'normal' }
}

function commDOfPieces(record: SectorState): Uint8Array | undefined {
  const pieces = sectorPieces(record).map(({ piece }) => piece)
  return pieces.length === 0 ? undefined : computeUnsealedCommitment(sealProof(record.SectorType).sectorSize, pieces)
}
