import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type { Ticket } from '../../../rpc-schema/manager/commitment.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { cidToCommD } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorPieces } from '../allocation/pieces.js'

/** What a sector is unsealed by. */
export interface UnsealSource {
  readonly sector: AllocatedSector
  readonly ticket: Ticket
  readonly commD: Uint8Array
}

/**
 * By the record; a string says why there is none. The data of an upgraded sector is encoded with the replica that it had before, which is deleted: what a
 * worker would read is not the piece, and it would take hours to find that out.
 */
export function unsealSource(record: SectorState): UnsealSource | string {
  const ticket = record.Pre?.Ticket ?? record.Ticket
  if (ticket === undefined || ticket.Ticket.length !== 32) return 'the ticket of the sector is not known'
  if (record.Upgraded) return 'the piece came into the sector by an upgrade: no worker can read it back'
  const commD = record.Pre === undefined ? commDOfPieces(record) : cidToCommD(record.Pre.CommD)
  if (commD === undefined) return 'the unsealed CID of the sector is not known'
  return { sector: { ID: record.ID, ProofType: record.SectorType }, ticket, commD }
}

function commDOfPieces(record: SectorState): Uint8Array | undefined {
  const pieces = sectorPieces(record).map(({ piece }) => piece)
  return pieces.length === 0 ? undefined : computeUnsealedCommitment(sealProof(record.SectorType).sectorSize, pieces)
}
