import { mkdir, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { SectorPieceV2 } from '../../../../rpc-schema/manager/deals.js'
import type { AddPiecesPiece, PieceFile } from '../../../../rpc-schema/processor/pieces.js'
import type { PieceInfo } from '../../../../rpc-schema/processor/sector.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { bytesEqual, toHex } from '../../../../rpc-schema/wire/bytes.js'
import { cidToCommD, commDToCid } from '../../../../rpc-schema/wire/cid.js'
import { padded, unpadded } from '../../../../rpc-schema/wire/numbers.js'
import { computeUnsealedCommitment } from '../../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { event, type StepContext, step } from '../../engine/plan.js'
import { TREE_D_FILE } from '../../store/layout.js'

/** Which pieces go into the staged file now. */
type PiecesNow = (context: StepContext) => readonly SectorPieceV2[]

export const piecesOfDeals: PiecesNow = context => context.record.deals_v2 ?? []

export const addPiecesFrom = (piecesNow: PiecesNow) =>
  step(['base'], context =>
    context.limited('add_pieces', async () => {
      const { staged } = context.paths
      await mkdir(dirname(staged), { recursive: true })
      await rm(staged, { force: true })
      const deals = piecesNow(context)
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

/** The data tree of a sector without data may lie ready (`static_tree_d`): it is the same for all of a size. */
export const buildTreeDOver = (piecesNow: PiecesNow | 'data') =>
  step(['base', 'pieces'], async context => {
    const { staged, prepared } = context.paths
    const tree = join(prepared, TREE_D_FILE)
    await mkdir(prepared, { recursive: true })
    await rm(tree, { force: true })
    const ready = context.staticTreeD.get(sealProof(context.sector.ProofType).sectorSize)
    if (ready !== undefined && piecesNow !== 'data' && piecesNow(context).length === 0) {
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

export const addPieces = addPiecesFrom(piecesOfDeals)
export const buildTreeD = buildTreeDOver(piecesOfDeals)
/** For data that is never empty: the tree is always built. */
export const buildDataTree = buildTreeDOver('data')

/** What the trees over the staged data must come to. */
export function stagedCommD(context: StepContext): Uint8Array {
  const pieces = context.need('pieces').map(piece => ({
    Size: padded(piece.size),
    PieceCID: commDToCid(piece.commitment),
  }))
  return computeUnsealedCommitment(sealProof(context.sector.ProofType).sectorSize, pieces)
}

/** What was sealed must be what was staged, before money or a good replica is staked on it. Throws permanent. */
export function checkCommD(context: StepContext, stage: string, commD: Uint8Array): void {
  const expected = stagedCommD(context)
  if (bytesEqual(expected, commD)) return
  throw new SealError(
    'permanent',
    `${stage} sealed other data than was staged: its comm_d is ${toHex(commD)}, that of the pieces ${toHex(expected)}`,
  )
}

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
