import { mkdir, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { SectorPieceV2 } from '../../../../rpc-schema/manager/deals.js'
import type { AddPiecesPiece, PieceFile } from '../../../../rpc-schema/processor/pieces.js'
import type { PieceInfo } from '../../../../rpc-schema/processor/sector.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { bytesEqual } from '../../../../rpc-schema/wire/bytes.js'
import { cidToCommD } from '../../../../rpc-schema/wire/cid.js'
import { unpadded } from '../../../../rpc-schema/wire/numbers.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { TREE_D_FILE } from '../../store/layout.js'

export const addPieces = step(['base'], context =>
  context.limited('add_pieces', async () => {
    const { staged } = context.paths
    await mkdir(dirname(staged), { recursive: true })
    await rm(staged, { force: true })
    const deals = context.record.deals_v2 ?? []
    const written = await context.runStage('add_pieces', {
      seal_proof_type: context.sector.ProofType,
      pieces: await Promise.all(deals.map(deal => pieceOf(context, deal))),
      staged_filepath: staged,
    })
    checkWritten(deals, written)
    await context.sync(staged)
    return event('AddPiece', { phases: { pieces: written } })
  }),
)

/** The data tree of an empty sector may lie ready (`static_tree_d`): it is the same for all of a size. */
export const buildTreeD = step(['base', 'pieces'], async context => {
  const { staged, prepared } = context.paths
  const tree = join(prepared, TREE_D_FILE)
  await mkdir(prepared, { recursive: true })
  await rm(tree, { force: true })
  const ready = context.staticTreeD.get(sealProof(context.sector.ProofType).sectorSize)
  if (ready !== undefined && (context.record.deals_v2 ?? []).length === 0) {
    await symlink(ready, tree)
  } else {
    await context.limited('tree_d', () =>
      context.runStage('tree_d', {
        registered_proof: context.sector.ProofType,
        staged_file: staged,
        cache_dir: prepared,
      }),
    )
  }
  await context.sync(prepared)
  return event('BuildTreeD')
})

/** A piece without a deal behind it is a filler of zeros. */
function isFiller({ DealInfo }: SectorPieceV2): boolean {
  if (DealInfo === null) return true
  return (DealInfo.IsBuiltinMarket ? DealInfo.DealID : DealInfo.AllocationID) === 0
}

async function pieceOf(context: StepContext, deal: SectorPieceV2): Promise<AddPiecesPiece> {
  const piece_size = unpadded(deal.Piece.Size)
  if (isFiller(deal)) return { piece_file: 'pledge', payload_size: 0, piece_size }
  const payload_size = deal.DealInfo?.PayloadSize ?? 0
  return { piece_file: await findPiece(context, deal.Piece.PieceCID), payload_size, piece_size }
}

/** A local file when there is one, else the manager's piece store. */
async function findPiece(context: StepContext, cid: CID): Promise<PieceFile> {
  for (const directory of context.localPiecesDirs) {
    for (const name of [`${cid}`, `${cid}.car`]) {
      const local = join(directory, name)
      const found = await stat(local).catch(() => undefined)
      if (found?.isFile()) return { local }
    }
  }
  return { url: `${context.managerOrigin}/piecestore/${cid}` }
}

/** The pieces of the deals must be among what was written, in their order; between them may be fillers for alignment. */
function checkWritten(deals: readonly SectorPieceV2[], written: readonly PieceInfo[]): void {
  let at = 0
  for (const [index, deal] of deals.entries()) {
    if (isFiller(deal)) continue
    const expected = cidToCommD(deal.Piece.PieceCID)
    const found = written.findIndex((piece, position) => position >= at && bytesEqual(piece.commitment, expected))
    if (found < 0) {
      throw new SealError(
        'permanent',
        `piece ${index} is not the data of its deal: ${deal.Piece.PieceCID} is not among the commitments of the pieces written`,
      )
    }
    at = found + 1
  }
}
