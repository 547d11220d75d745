import type { WinningProofRequest, WinningProver } from '../../../../../daemon/manager/post/winning/winning-prover.js'
import type { WinningVerifier } from '../../../../../daemon/manager/post/winning/winning-verifier.js'
import type { PoStProof } from '../../../../../rpc-schema/wire/block-header.js'
import { commRToCid } from '../../../../../rpc-schema/wire/cid.js'

/** Does what a test says, and remembers what it was asked for. */
export class PretendedWinningProver implements WinningProver {
  readonly requests: WinningProofRequest[] = []
  answer: (request: WinningProofRequest, signal: AbortSignal) => Promise<readonly PoStProof[]> = async ({
    postProof,
    replicas,
  }) => [{ PoStProof: postProof, ProofBytes: Uint8Array.from(replicas.map(({ number }) => number)) }]

  prove(request: WinningProofRequest, signal: AbortSignal): Promise<readonly PoStProof[]> {
    this.requests.push(request)
    return this.answer(request, signal)
  }

  async close(): Promise<void> {}
}

/** Takes proofs that begin with another byte than 0. */
export const firstByteVerifier: WinningVerifier = {
  verify: async (_, proof) => proof[0] !== 0,
  close: async () => {},
}

const COMM_R = commRToCid(new Uint8Array(32).fill(7))

/** A sector that has won, of 2 KiB unless its seal proof says otherwise. */
export const challenged = (SectorNumber: number, SealProof = 5, upgraded = false) => ({
  SealProof,
  SectorNumber,
  SectorKey: upgraded ? COMM_R : null,
  SealedCID: COMM_R,
})

export const RANDOMNESS = new Uint8Array(32).fill(3)
