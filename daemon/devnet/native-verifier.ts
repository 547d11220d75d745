import { createProverPool, type ProverPool } from '../../plugins/prover/pool.js'
import { proverId } from '../../rpc-schema/processor/sector.js'
import { unpadded } from '../../rpc-schema/wire/numbers.js'
import { postProof, SEAL_PROOFS, sealProof, updateProof } from '../../rpc-schema/wire/proof-types.js'
import type { AggregateToVerify, ProofVerifier, SealToVerify, UpdateToVerify, WindowPostToVerify } from './proofs.js'

/** The scalar field of BLS12-381: a commitment is one of its elements, little endian. */
const FIELD = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n

/** Nothing else can have been committed to; the proofs would not even look at it. */
function isCommitment(bytes: Uint8Array): boolean {
  const value = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  return value > 0n && value < FIELD
}

/** The real proofs, in a thread of their own that starts with the first call. */
export class NativeVerifier implements ProofVerifier {
  #pool: ProverPool | undefined

  get #threads(): ProverPool {
    this.#pool ??= createProverPool({ threads: 1 })
    return this.#pool
  }

  async verifySeal(seal: SealToVerify): Promise<boolean> {
    if (!isCommitment(seal.commR) || !isCommitment(seal.commD)) return false
    const { ticket, seed, commR, commD, proof } = seal
    return this.#threads.call('verifySeal', {
      sealProof: sealProof(seal.sealProof).name,
      proverId: proverId(seal.miner),
      sectorId: seal.number,
      ticket,
      seed,
      commR,
      commD,
      proof,
    })
  }

  async verifyAggregate({ sectors, ...aggregate }: AggregateToVerify): Promise<boolean> {
    if (!sectors.every(({ commR, commD }) => isCommitment(commR) && isCommitment(commD))) return false
    return this.#threads.call('verifyAggregate', {
      sealProof: sealProof(aggregate.sealProof).name,
      aggregation: aggregate.aggregateProof === 1 ? 'SnarkPackV2' : 'SnarkPackV1',
      proverId: proverId(aggregate.miner),
      sectors: sectors.map(({ number, ticket, seed, commR, commD }) => ({
        sectorId: number,
        ticket,
        seed,
        commR,
        commD,
      })),
      proof: aggregate.proof,
    })
  }

  async verifyWindowPost({ sectors, ...post }: WindowPostToVerify): Promise<boolean> {
    if (!sectors.every(({ commR }) => isCommitment(commR))) return false
    return this.#threads.call('verifyWindowPost', {
      proofType: postProof(post.postProof).wireName,
      randomness: post.randomness,
      proverId: proverId(post.miner),
      replicas: sectors.map(({ number, commR }) => ({ sectorId: number, commR })),
      proof: post.proof,
    })
  }

  async verifyUpdate({ updateProof: type, ...update }: UpdateToVerify): Promise<boolean> {
    const { commROld, commRNew, commDNew } = update
    if (![commROld, commRNew, commDNew].every(isCommitment)) return false
    return this.#threads.call('updateVerify', { updateProof: updateProof(type).name, ...update })
  }

  async pieceCommitment({ path, paddedBytes }: Parameters<ProofVerifier['pieceCommitment']>[0]): Promise<Uint8Array> {
    // Which sector size the proof is for makes no difference to a piece.
    const { name } = SEAL_PROOFS.find(proof => proof.sectorSize >= paddedBytes)!
    const piece = await this.#threads.call('pieceCommitment', {
      sealProof: name,
      dataPath: path,
      size: unpadded(paddedBytes),
    })
    return piece.commitment
  }

  async close(): Promise<void> {
    await this.#pool?.close()
  }
}
