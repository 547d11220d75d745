import type { SubmitResp } from '../../../rpc-schema/manager/commitment.js'
import type { SectorState, SectorUpgradedInfo } from '../../../rpc-schema/manager/sector-state.js'
import type { SnapUpOnChainInfo } from '../../../rpc-schema/manager/snapup.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { commDToCid, commRToCid } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { rejected } from '../commitment/verdict.js'

/** What is wrong with a submission by itself and by the record; undefined when nothing is. */
export function submissionProblem(record: SectorState, info: SnapUpOnChainInfo): SubmitResp | undefined {
  const { sectorSize, updateProofBytes } = sealProof(record.SectorType)
  if (info.Proof.length === 0) return rejected('empty proof')
  if (info.Proof.length !== updateProofBytes)
    return rejected(`the proof has ${info.Proof.length} bytes, expected ${updateProofBytes}`)
  const pieces = (record.Pieces ?? []).map(({ Piece }) => Piece)
  if (pieces.length !== info.Pieces.length)
    return rejected(`${info.Pieces.length} pieces were submitted, the sector has ${pieces.length}`)
  const other = pieces.findIndex(({ PieceCID }, index) => !PieceCID.equals(info.Pieces[index]))
  if (other >= 0)
    return rejected(`piece ${other} is ${info.Pieces[other]}, in the sector it is ${pieces[other]!.PieceCID}`)
  if (!bytesEqual(computeUnsealedCommitment(sectorSize, pieces), info.CommD))
    return rejected(`unsealed CID ${commDToCid(info.CommD)} is not that of its ${pieces.length} pieces`)
  return undefined
}

export const upgradedInfo = (info: SnapUpOnChainInfo): SectorUpgradedInfo => ({
  AccessInstance: info.AccessInstance,
  SealedCID: commRToCid(info.CommR),
  UnsealedCID: commDToCid(info.CommD),
  Proof: info.Proof,
})
