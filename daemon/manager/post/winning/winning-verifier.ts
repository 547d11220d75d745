import { createProverPool, type ProverPool } from '../../../../plugins/prover/pool.js'
import { proverId } from '../../../../rpc-schema/processor/sector.js'
import { postProof } from '../../../../rpc-schema/wire/proof-types.js'
import type { WinningProofRequest } from './winning-prover.js'

/** Looks at a winning proof as every node of the network will: a block with a wrong one is nobody's. */
export interface WinningVerifier {
  /** Rejects when it cannot be found out. */
  verify(request: WinningProofRequest, proof: Uint8Array): Promise<boolean>
  close(): Promise<void>
}

/** Verifies in a thread of its own, which is made at the first proof. */
export function nativeWinningVerifier(): WinningVerifier {
  let pool: ProverPool | undefined
  return {
    verify({ miner, postProof: type, replicas, randomness }, proof) {
      pool ??= createProverPool({ threads: 1 })
      return pool.call('verifyWinningPost', {
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
