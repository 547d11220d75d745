import { createProverPool } from '../../../plugins/prover/pool.js'
import type { SealStatement } from '../resources/c2-resource.js'

/** `unknown`: it cannot be found out here, as without the verifying key of the sector's size. */
export type ProofVerdict = 'valid' | 'invalid' | 'unknown'

export interface ProofCheck {
  check(statement: SealStatement, proof: Uint8Array): Promise<ProofVerdict>
  close(): Promise<void>
}

/** Verifies by the native prover, in a thread. */
export function nativeProofCheck(): ProofCheck {
  const pool = createProverPool({ threads: 1 })
  return {
    check: async (statement, proof) => {
      try {
        return (await pool.call('verifySeal', { ...statement, proof })) ? 'valid' : 'invalid'
      } catch {
        return 'unknown'
      }
    },
    close: () => pool.close(),
  }
}

/** For machines that have no verifying keys: every proof is as good as its owner's word. */
export const noProofCheck: ProofCheck = {
  check: () => Promise.resolve('unknown'),
  close: () => Promise.resolve(),
}
