import type { StageProver } from '../../plugins/stages/stage-context.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import type { PieceCommitment } from './engine/plan.js'

/** Commitments by the native prover. */
export const pieceCommitments =
  (prover: StageProver): PieceCommitment =>
  async (file, size, proofType) => {
    try {
      const piece = await prover.call('pieceCommitment', { sealProof: sealProof(proofType).name, dataPath: file, size })
      return piece.commitment
    } catch (cause) {
      throw new SealError('permanent', `cannot compute the commitment of the piece in ${file}`, { cause })
    }
  }
