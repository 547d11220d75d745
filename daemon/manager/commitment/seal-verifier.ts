import { createProverPool, type ProverPool } from '../../../plugins/prover/pool.js'
import { proverId } from '../../../rpc-schema/processor/sector.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'

/** Everything that a seal proof is about. */
export interface SealClaim {
  readonly sector: SectorID
  readonly sealProofType: number
  readonly ticket: Uint8Array
  readonly seed: Uint8Array
  readonly commR: Uint8Array
  readonly commD: Uint8Array
  readonly proof: Uint8Array
}

export interface SealVerifier {
  /** Throws when it cannot be found out (no verifying key, no native prover). */
  verify(claim: SealClaim): Promise<boolean>
  close(): Promise<void>
}

/** Verifies in a thread of its own, which is made at the first proof. */
export function nativeSealVerifier(): SealVerifier {
  let pool: ProverPool | undefined
  return {
    verify({ sector, sealProofType, ticket, seed, commR, commD, proof }) {
      pool ??= createProverPool({ threads: 1 })
      return pool.call('verifySeal', {
        sealProof: sealProof(sealProofType).name,
        proverId: proverId(sector.Miner),
        sectorId: sector.Number,
        ticket,
        seed,
        commR,
        commD,
        proof,
      })
    },
    close: async () => pool?.close(),
  }
}
