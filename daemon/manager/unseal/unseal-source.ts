import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import type { Ticket } from '../../../rpc-schema/manager/commitment.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { UnsealUpgrade } from '../../../rpc-schema/manager/unseal.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { cidToCommD } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorPieces } from '../allocation/pieces.js'

/** What a sector is unsealed by. Of an upgraded one, ticket and `commD` are those that it was sealed with. */
export interface UnsealSource {
  readonly sector: AllocatedSector
  readonly ticket: Ticket
  readonly commD: Uint8Array
  readonly upgrade: UnsealUpgrade | undefined
}

/** By the record; a string says why there is none. */
export function unsealSource(record: SectorState): UnsealSource | string {
  const ticket = record.Pre?.Ticket ?? record.Ticket
  if (ticket === undefined || ticket.Ticket.length !== 32) return 'the ticket of the sector is not known'
  const sector = { ID: record.ID, ProofType: record.SectorType }
  if (record.Upgraded) {
    const upgrade = upgradeOf(record)
    return typeof upgrade === 'string' ? upgrade : { sector, ticket, commD: commDOfNothing(record), upgrade }
  }
  const commD = record.Pre === undefined ? commDOfPieces(record) : cidToCommD(record.Pre.CommD)
  if (commD === undefined) return 'the unsealed CID of the sector is not known'
  return { sector, ticket, commD, upgrade: undefined }
}

/**
 * The data of an upgraded sector is mixed with the replica that it had before. That is deleted, but can be computed again from the ticket, for only sectors
 * without data are upgraded.
 */
function upgradeOf(record: SectorState): UnsealUpgrade | string {
  const { UpgradePublic, UpgradedInfo, Pre } = record
  if (UpgradePublic === null) return 'the sealed CID from before the upgrade is not known'
  if (Pre !== undefined && !bytesEqual(cidToCommD(Pre.CommD), commDOfNothing(record)))
    return `the sector had data before its upgrade (unsealed CID ${Pre.CommD}), which the network does not permit: its record is wrong`
  const unsealed = UpgradedInfo?.UnsealedCID
  const CommDNew = unsealed ? cidToCommD(unsealed) : commDOfPieces(record)
  if (CommDNew === undefined) return 'the unsealed CID of the upgrade is not known'
  return { CommROld: UpgradePublic.CommR, CommDNew }
}

const commDOfNothing = ({ SectorType }: SectorState): Uint8Array =>
  computeUnsealedCommitment(sealProof(SectorType).sectorSize, [])

function commDOfPieces(record: SectorState): Uint8Array | undefined {
  const pieces = sectorPieces(record).map(({ piece }) => piece)
  return pieces.length === 0 ? undefined : computeUnsealedCommitment(sealProof(record.SectorType).sectorSize, pieces)
}
