import { createProverPool, type ProverPool } from '../../../plugins/prover/pool.js'
import { sealProof, updateProof } from '../../../rpc-schema/wire/proof-types.js'

/** Everything that the proof of an upgrade is about. */
export interface UpdateClaim {
  /** RegisteredSealProof of the sector. */
  readonly sealProofType: number
  readonly commROld: Uint8Array
  readonly commRNew: Uint8Array
  readonly commDNew: Uint8Array
  readonly proof: Uint8Array
}

export interface UpdateVerifier {
  /** Throws when it cannot be found out (no verifying key, no native prover). */
  verify(claim: UpdateClaim): Promise<boolean>
  close(): Promise<void>
}

/** Verifies in a thread of its own, which is made at the first proof. */
export function nativeUpdateVerifier(): UpdateVerifier {
  let pool: ProverPool | undefined
  return {
    verify({ sealProofType, ...claim }) {
      pool ??= createProverPool({ threads: 1 })
      return pool.call('updateVerify', { updateProof: updateProof(sealProof(sealProofType).update).name, ...claim })
    },
    close: async () => pool?.close(),
  }
}
