import * as dagCbor from '@ipld/dag-cbor'
import { blake2b } from '@noble/hashes/blake2.js'

export interface SealToVerify {
  readonly sealProof: number
  readonly miner: number
  readonly number: number
  readonly ticket: Uint8Array
  readonly seed: Uint8Array
  readonly commR: Uint8Array
  readonly commD: Uint8Array
  readonly proof: Uint8Array
}

export interface AggregateToVerify {
  readonly sealProof: number
  readonly miner: number
  /** SnarkPack version: 1 is V2. */
  readonly aggregateProof: number
  readonly proof: Uint8Array
  readonly sectors: readonly Pick<SealToVerify, 'number' | 'ticket' | 'seed' | 'commR' | 'commD'>[]
}

export interface WindowPostToVerify {
  /** RegisteredPoStProof of the miner. */
  readonly postProof: number
  readonly miner: number
  readonly randomness: Uint8Array
  /** By rising number, of all partitions that the proof covers. */
  readonly sectors: readonly Pick<SealToVerify, 'number' | 'commR'>[]
  readonly proof: Uint8Array
}

export interface UpdateToVerify {
  /** RegisteredUpdateProof. */
  readonly updateProof: number
  readonly commROld: Uint8Array
  readonly commRNew: Uint8Array
  readonly commDNew: Uint8Array
  readonly proof: Uint8Array
}

/** What the chain needs of the proofs. Every call runs off the event loop. A proof that is malformed is false, not an error. */
export interface ProofVerifier {
  verifySeal(seal: SealToVerify): Promise<boolean>
  verifyAggregate(aggregate: AggregateToVerify): Promise<boolean>
  verifyWindowPost(post: WindowPostToVerify): Promise<boolean>
  verifyUpdate(update: UpdateToVerify): Promise<boolean>
  /** Commitment (comm_p) of a file's first `payloadBytes`, padded with zeros to a piece of `paddedBytes`. */
  pieceCommitment(piece: { path: string; payloadBytes: number; paddedBytes: number }): Promise<Uint8Array>
  close(): Promise<void>
}

const REMEMBERED = 2_000

/**
 * Remembers what the verifier has said of exactly these inputs: a message is run when its gas is estimated, again in its tipset, and
 * again after a reorg.
 */
export class RememberingVerifier implements ProofVerifier {
  readonly #inner: ProofVerifier
  readonly #known = new Map<string, Promise<boolean>>()

  constructor(inner: ProofVerifier) {
    this.#inner = inner
  }

  verifySeal(seal: SealToVerify): Promise<boolean> {
    return this.#remember(seal, () => this.#inner.verifySeal(seal))
  }

  verifyAggregate(aggregate: AggregateToVerify): Promise<boolean> {
    return this.#remember(aggregate, () => this.#inner.verifyAggregate(aggregate))
  }

  verifyWindowPost(post: WindowPostToVerify): Promise<boolean> {
    return this.#remember(post, () => this.#inner.verifyWindowPost(post))
  }

  verifyUpdate(update: UpdateToVerify): Promise<boolean> {
    return this.#remember(update, () => this.#inner.verifyUpdate(update))
  }

  pieceCommitment(piece: Parameters<ProofVerifier['pieceCommitment']>[0]): Promise<Uint8Array> {
    return this.#inner.pieceCommitment(piece)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #remember(inputs: object, verify: () => Promise<boolean>): Promise<boolean> {
    const key = Buffer.from(blake2b(dagCbor.encode(inputs), { dkLen: 32 })).toString('base64')
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const answer = verify()
    this.#known.set(key, answer)
    // A verifier that could not do its work has said nothing.
    answer.catch(() => this.#known.delete(key))
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!)
    return answer
  }
}
