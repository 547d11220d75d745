import type { PoStProof } from '../../../../rpc-schema/wire/block-header.js'
import type { ReplicaToProve } from '../window-prover.js'

/** The proof for a block that a miner has won. */
export interface WinningProofRequest {
  readonly miner: number
  /** RegisteredPoStProof. */
  readonly postProof: number
  readonly replicas: readonly ReplicaToProve[]
  /** 32 bytes as the chain gives them; provers clear the two highest bits. */
  readonly randomness: Uint8Array
  /** After so many ms nobody wants it any more. */
  readonly limitMs: number
}

/** Whoever makes winning proofs: this process, or its children. */
export interface WinningProver {
  /** Aborting the signal ends the wait. Rejects when there is no proof: there is nothing to leave out, as there is in a window. */
  prove(request: WinningProofRequest, signal: AbortSignal): Promise<readonly PoStProof[]>
  close(): Promise<void>
}
