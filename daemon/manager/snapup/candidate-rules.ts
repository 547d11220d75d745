import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { computeUnsealedCid } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { dataPieces, sectorPieces } from '../allocation/pieces.js'
import type { NetworkRules } from '../chain/network-version.js'

/** Why a sector of the chain cannot be upgraded; undefined when it can. Direct data shows only in the weights. */
export function unfitOnChain(
  info: SectorOnChainInfo,
  height: number,
  { life }: Pick<NetworkRules, 'life'>,
): string | undefined {
  if (info.SectorKeyCID !== null) return 'it was upgraded before'
  if (info.DealWeight > 0n || info.VerifiedDealWeight > 0n) return 'it holds data'
  const left = info.Expiration - height
  if (left < life.least) return `it ends in ${left} epochs, deals need at least ${life.least}`
  return undefined
}

/** Why the record of a finished sector says that it cannot be upgraded. */
export function unfitRecord(record: SectorState, info: SectorOnChainInfo): string | undefined {
  if (record.Removed) return 'its files were removed'
  if (record.TerminateInfo.AddedHeight > 0) return 'it is being terminated'
  if (record.Pre === undefined) return undefined
  if (!record.Pre.CommR.equals(info.SealedCID)) return `its record has the sealed CID ${record.Pre.CommR}`
  const empty = computeUnsealedCid(sealProof(record.SectorType).sectorSize, [])
  if (!record.Pre.CommD.equals(empty) && dataPieces(sectorPieces(record)).length > 0) return 'it was sealed with data'
  return undefined
}
