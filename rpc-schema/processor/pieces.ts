import { z } from 'zod'
import { list } from '../wire/list.js'
import { Uint64, UnpaddedPieceSize } from '../wire/numbers.js'
import { Path, PieceInfo, RegisteredProof } from './sector.js'

/** Where the bytes of a piece come from; `pledge` is a piece of zeros. */
export const PieceFile = z.union([
  z.literal('pledge'),
  z.object({ url: z.string() }).strict(),
  z.object({ local: Path }).strict(),
])
export type PieceFile = z.infer<typeof PieceFile>

/** `payload_size`: bytes of the file; `piece_size`: unpadded bytes of the piece, the rest of which is zeros. */
export const AddPiecesPiece = z.object({
  piece_file: PieceFile,
  payload_size: Uint64,
  piece_size: UnpaddedPieceSize,
})
export type AddPiecesPiece = z.infer<typeof AddPiecesPiece>

/** Writes the staged file. No pieces: a sector of zeros. */
export const AddPiecesTask = z.object({
  seal_proof_type: RegisteredProof,
  pieces: list(AddPiecesPiece),
  staged_filepath: Path,
})
export type AddPiecesTask = z.infer<typeof AddPiecesTask>

export const AddPiecesOutput = z.array(PieceInfo)
export type AddPiecesOutput = z.infer<typeof AddPiecesOutput>

/** Builds the tree of the staged data in `cache_dir`. */
export const TreeDTask = z.object({ registered_proof: RegisteredProof, staged_file: Path, cache_dir: Path })
export type TreeDTask = z.infer<typeof TreeDTask>
