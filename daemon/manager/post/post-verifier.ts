import { createProverPool, type ProverPool } from '../../../plugins/prover/pool.js'
import { proverId } from '../../../rpc-schema/processor/sector.js'
import { postProof } from '../../../rpc-schema/wire/proof-types.js'
import type { WindowProofRequest } from './window-prover.js'

/** What a proof of space-time says: these sectors of a miner are there, challenged by this randomness. */
export type PostStatement = Pick<WindowProofRequest, 'miner' | 'postProof' | 'replicas' | 'randomness'>

/** Looks at a proof as the network will. */
export interface PostVerifier<S extends PostStatement> {
  /** Rejects when it cannot be found out. */
  verify(statement: S, proof: Uint8Array): Promise<boolean>
  close(): Promise<void>
}

/** Verifies in a thread of its own, which is made at the first proof. */
export function nativePostVerifier(call: 'verifyWindowPost' | 'verifyWinningPost'): PostVerifier<PostStatement> {
  let pool: ProverPool | undefined
  return {
    verify({ miner, postProof: type, replicas, randomness }, proof) {
      pool ??= createProverPool({ threads: 1 })
      return pool.call(call, {
        proofType: postProof(type).wireName,
        proverId: proverId(miner),
        randomness,
        replicas: replicas.map(({ number, commR }) => ({ sectorId: number, commR })),
        proof,
      })
    },
    close: async () => pool?.close(),
  }
}
