import type {
  WindowProofRequest,
  WindowProofResult,
  WindowProver,
} from '../../../../daemon/manager/post/window-prover.js'
import type { WindowVerifier } from '../../../../daemon/manager/post/window-verifier.js'
import { postProof } from '../../../../rpc-schema/wire/proof-types.js'

/** Proofs that nothing but their first byte is looked at. */
export const pretendedProof = ({ postProof: type, replicas }: WindowProofRequest): WindowProofResult => ({
  proofs: [
    {
      PoStProof: type,
      ProofBytes: new Uint8Array(192 * Math.ceil(replicas.length / postProof(type).partitionSectors)).fill(1),
    },
  ],
  faults: [],
})

/** Does what a test says, and remembers what it was asked for. */
export class PretendedWindowProver implements WindowProver {
  readonly requests: WindowProofRequest[] = []
  answer: (request: WindowProofRequest, signal: AbortSignal) => WindowProofResult | Promise<WindowProofResult> =
    pretendedProof

  async prove(request: WindowProofRequest, signal: AbortSignal): Promise<WindowProofResult> {
    this.requests.push(request)
    return this.answer(request, signal)
  }

  async close(): Promise<void> {}
}

export const believingVerifier: WindowVerifier = { verify: async () => true, close: async () => {} }
