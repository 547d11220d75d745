import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { RunningCall } from '../prover/calls.js'
import type { ProverPool } from '../prover/pool.js'

/** The proofs library, off the event loop. A call that runs cannot be stopped. */
export type StageProver = Pick<ProverPool, 'call'> & {
  /** Calls of this process that count their bytes. */
  running?(): readonly RunningCall[]
}

/** What a built-in stage is given besides its task. */
export interface StageContext {
  readonly prover: StageProver
  /** The environment that names tokens and switches (`PIECE_FETCHER_TOKEN`, `DISABLE_LINK`). */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Checked between two pieces of work; a native call that runs cannot be stopped. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** How often a native call is looked at for its progress. Default: 2 seconds. */
  readonly lookMs?: number | undefined
}
