import type { PhaseOutput } from '../../../plugins/prover/calls.js'
import { createProverPool } from '../../../plugins/prover/pool.js'
import { errorText } from '../../../rpc-schema/seal-error.js'

/** A document that no attempt would make a proof of. */
export class BrokenDocumentError extends Error {}

export interface C2Maker {
  /** The proof of the document `{prover_id, sector_id, c1out}`. Throws with the prover's words. */
  prove(document: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  /** Ends what can be ended at once; a native call that runs is not waited for. */
  close(): Promise<void>
}

export interface C2Document {
  prover_id: number[]
  sector_id: number
  miner_id?: number
  c1out: PhaseOutput
}

export function parseDocument(document: Uint8Array): C2Document {
  try {
    return JSON.parse(Buffer.from(document.buffer, document.byteOffset, document.byteLength).toString('utf8'))
  } catch (error) {
    throw new BrokenDocumentError(`deserialize c2 resource: ${errorText(error)}`)
  }
}

/** The native prover, in threads that stay warm: as many proofs at once as the worker has tasks. */
export function nativeC2Maker(threads: number): C2Maker {
  const pool = createProverPool({ threads })
  return {
    prove: async (document, signal) => {
      const { c1out, prover_id, sector_id } = parseDocument(document)
      const request = { phase1Output: c1out, proverId: Uint8Array.from(prover_id), sectorId: sector_id }
      return (await pool.call('c2', request, { signal })).proof
    },
    close: () => {
      void pool.close().catch(() => {})
      return Promise.resolve()
    },
  }
}
