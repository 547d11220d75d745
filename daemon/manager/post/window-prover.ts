import type { PoStProof } from '../../../rpc-schema/wire/block-header.js'

/** A replica that a window proof is to show. Where its files lie is the prover's to find out. */
export interface ReplicaToProve {
  readonly number: number
  /** 32 bytes, of the chain's sealed CID. */
  readonly commR: Uint8Array
  /** The files are those of a snap-up (`update/…`, `update-cache/…`). */
  readonly upgraded: boolean
}

/** The proof of some partitions of a deadline that goes into one message. */
export interface WindowProofRequest {
  readonly miner: number
  /** RegisteredPoStProof, as the chain has it. */
  readonly postProof: number
  readonly deadline: number
  readonly partitions: readonly number[]
  /** Ascending by number, each once. */
  readonly replicas: readonly ReplicaToProve[]
  /** 32 bytes as the chain gives them; provers clear the two highest bits. */
  readonly randomness: Uint8Array
  /** When the deadline closes, ms since the Unix epoch: what closes first is proven first, and nothing after its end. Absent: not known. */
  readonly closesAt?: number
  /** Proofs of the same window that wait for this one to be made: a store that hangs must not use up their time, too. */
  readonly behind?: number
  /** Nobody sends its proof to the chain: it never takes the place of one that is sent, and gives way to them. */
  readonly trial?: true
}

/** `faults`: sectors that cannot be proven; there are no proofs then, and the caller asks again without them. */
export interface WindowProofResult {
  readonly proofs: readonly PoStProof[]
  readonly faults: readonly number[]
  /** Sectors that could not be read yet, so that what waits behind gets its time; there are no proofs then either, and the caller may ask again with them. */
  readonly late?: readonly number[]
}

/** What a prover tells while it is at a proof, as far as it knows. */
export interface ProofProgress {
  /** The challenged data of all sectors is read; what is left needs no store. */
  read?(): void
}

/** Whoever makes window proofs: this process, its children, or workers elsewhere. */
export interface WindowProver {
  /** Aborting the signal ends the wait: the deadline is over. Rejects when there is neither a proof nor a faulty sector to blame. */
  prove(request: WindowProofRequest, signal: AbortSignal, progress?: ProofProgress): Promise<WindowProofResult>
  close(): Promise<void>
}
