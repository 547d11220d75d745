import { createProverPool, type ProverPool } from '../../../../plugins/prover/pool.js'
import { proverId } from '../../../../rpc-schema/processor/sector.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { withDeadline } from '../../concurrency/deadline.js'
import type { SealClaim } from '../seal-verifier.js'

/** Makes one SnarkPack V2 proof of many seal proofs. */
export interface SealAggregator {
  /** Why there can be none here; undefined when there can. */
  problem(): Promise<string | undefined>
  /** The proofs of one miner and one proof type, in the order of the message. Throws when it cannot be made, or does not verify. */
  aggregate(claims: readonly SealClaim[]): Promise<Uint8Array>
  close(): Promise<void>
}

const SNARK_PACK = 'SnarkPackV2'
/** 8,192 proofs take minutes of many cores. */
const LIMIT_MS = 30 * 60_000

/** In a thread of its own, which is made at the first use. */
export function nativeSealAggregator(): SealAggregator {
  let pool: ProverPool | undefined
  const prover = (): ProverPool => {
    pool ??= createProverPool({ threads: 1 })
    return pool
  }
  return {
    async problem() {
      try {
        const { state, path } = await withDeadline('the SRS of aggregation', LIMIT_MS, prover().call('srsReport', {}))
        return state === 'ok'
          ? undefined
          : `the parameters of aggregation are ${state}: ${path}; fetch them like those of the sectors`
      } catch (error) {
        return errorText(error)
      }
    },
    async aggregate(claims) {
      const [first] = claims
      if (first === undefined) throw new Error('nothing to aggregate')
      const common = { sealProof: sealProof(first.sealProofType).name, aggregation: SNARK_PACK } as const
      const { proof } = await withDeadline(
        `the aggregate of ${claims.length} proofs`,
        LIMIT_MS,
        prover().call('aggregate', {
          ...common,
          sectors: claims.map(({ commR, seed, proof }) => ({ commR, seed, proof })),
        }),
      )
      const sectors = claims.map(({ sector, ticket, seed, commR, commD }) => ({
        sectorId: sector.Number,
        ticket,
        seed,
        commR,
        commD,
      }))
      const statement = { ...common, proverId: proverId(first.sector.Miner), sectors, proof }
      const verifies = await withDeadline('its verification', LIMIT_MS, prover().call('verifyAggregate', statement))
      if (!verifies) throw new Error(`the aggregate of ${claims.length} proofs does not verify`)
      return proof
    },
    close: async () => pool?.close(),
  }
}
