import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { SectorRebuildInfo } from '../../../rpc-schema/manager/rebuild.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { SectorPublicInfo } from '../../../rpc-schema/manager/snapup.js'
import { cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCid } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { sectorPieces } from '../allocation/pieces.js'

/** What a worker needs to make the replica of the chain again, and whether the record has it. */
export type RebuildClaim =
  | { readonly fit: true; readonly upgraded: boolean; readonly before: SectorPublicInfo | null }
  | { readonly fit: false; readonly why: string }

const unfit = (why: string): RebuildClaim => ({ fit: false, why })

/**
 * Judges by the chain whether a record leads to the chain's replica. Without that, a worker would spend a day on a sector that nobody
 * can prove.
 */
export function rebuildClaim(record: SectorState, onChain: SectorOnChainInfo, piecesAvailable: boolean): RebuildClaim {
  const upgraded = onChain.SectorKeyCID !== null
  const key = onChain.SectorKeyCID ?? onChain.SealedCID
  const hasMarketDeals = sectorPieces(record).some(piece => piece.kind === 'market')
  const provesItself = upgraded && (record.UpgradedInfo?.Proof.length ?? 0) > 0
  if (record.Imported && hasMarketDeals && !piecesAvailable && !provesItself)
    return unfit('its deals were imported: set it with --pieces-available when all its pieces are at the piece store')
  if (record.Ticket === undefined || record.Ticket.Ticket.length !== 32) return unfit('its ticket is not known')
  if (record.SectorType !== onChain.SealProof)
    return unfit(`its record has the proof type ${record.SectorType}, the chain ${onChain.SealProof}`)
  if (record.Pre !== undefined && !record.Pre.CommR.equals(key))
    return unfit(`its record has the sealed CID ${record.Pre.CommR}, the chain ${key}`)
  if (!upgraded) return piecesToSeal(record) === 'other' ? unfit(OTHER_PIECES) : { fit: true, upgraded, before: null }
  const now = record.UpgradedInfo?.SealedCID
  if (now && !now.equals(onChain.SealedCID))
    return unfit(`its record has the sealed CID ${now} after the upgrade, the chain ${onChain.SealedCID}`)
  const unsealed = record.UpgradedInfo?.UnsealedCID
  if (unsealed && !unsealed.equals(unsealedCidOf(record))) return unfit(OTHER_PIECES)
  return { fit: true, upgraded, before: beforeUpgrade(record, onChain) }
}

const OTHER_PIECES = 'the pieces in its record are not those that its unsealed CID was made of'

const unsealedCidOf = (record: SectorState) =>
  computeUnsealedCid(
    sealProof(record.SectorType).sectorSize,
    sectorPieces(record).map(({ piece }) => piece),
  )

/** An upgrade that was given up has left pieces in the record of a sector that was sealed without. */
function piecesToSeal(record: SectorState): 'all' | 'none' | 'other' {
  if (record.Pre === undefined || unsealedCidOf(record).equals(record.Pre.CommD)) return 'all'
  return computeUnsealedCid(sealProof(record.SectorType).sectorSize, []).equals(record.Pre.CommD) ? 'none' : 'other'
}

/** The key that the chain names is what counts. */
function beforeUpgrade(record: SectorState, { SectorKeyCID: key, Activation, Expiration }: SectorOnChainInfo) {
  const CommR = cidToCommR(key!)
  const { Activation: from, Expiration: to } = record.UpgradePublic ?? { Activation, Expiration }
  return { CommR, SealedCID: key!, Activation: from, Expiration: to }
}

/** The task as a worker gets it. Throws when the record has lost what it had when it was queued. */
export function rebuildInfo(record: SectorState, upgraded: boolean): SectorRebuildInfo {
  if (record.Ticket === undefined) throw new Error(`the ticket of ${sectorName(record.ID)} is not known any more`)
  const without = !upgraded && piecesToSeal(record) === 'none'
  return {
    Sector: { ID: record.ID, ProofType: record.SectorType },
    Ticket: record.Ticket,
    Pieces: without || record.Pieces !== null ? null : record.Deals,
    PiecesV2: without ? null : record.Pieces,
    IsSnapUp: upgraded,
    UpgradePublic: upgraded ? record.UpgradePublic : null,
  }
}
