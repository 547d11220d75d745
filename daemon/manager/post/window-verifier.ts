import { createProverPool, type ProverPool } from '../../../plugins/prover/pool.js'
import { proverId } from '../../../rpc-schema/processor/sector.js'
import { postProof } from '../../../rpc-schema/wire/proof-types.js'
import type { WindowProofRequest } from './window-prover.js'

/** Looks at a proof as the chain will, before it is sent: the chain itself does so only when somebody disputes it, and then it is dear. */
export interface WindowVerifier {
  /** Rejects when it cannot be found out. */
  verify(request: WindowProofRequest, proof: Uint8Array): Promise<boolean>
  close(): Promise<void>
}

/** Verifies in a thread of its own, which is made at the first proof. */
export function nativeWindowVerifier(): WindowVerifier {
  let pool: ProverPool | undefined
  return {
    verify({ miner, postProof: type, replicas, randomness }, proof) {
      pool ??= createProverPool({ threads: 1 })
      return pool.call('verifyWindowPost', {
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
