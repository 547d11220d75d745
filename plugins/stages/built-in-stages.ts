import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { StageName, StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { addPieces } from './add-pieces.js'
import { c1 } from './c1.js'
import { c2 } from './c2.js'
import { clearCache } from './clear-cache.js'
import { pc1 } from './pc1.js'
import { pc2 } from './pc2.js'
import { windowPoSt, winningPoSt } from './post.js'
import { snapEncode, snapProve, snapVanilla } from './snap.js'
import type { StageContext, StageProver } from './stage-context.js'
import { synthProof } from './synth-proof.js'
import { transfer } from './transfer.js'
import { treeD } from './tree-d.js'
import { snapDecode, unseal } from './unseal.js'
import { WarmProver } from './warm-prover.js'

type StageFunctions = {
  readonly [S in StageName]: (task: StageTask<S>, context: StageContext) => Promise<StageOutput<S>>
}

/** The stages as this program does them itself. */
export const BUILT_IN: StageFunctions = {
  add_pieces: addPieces,
  tree_d: treeD,
  pc1,
  pc2,
  synth_proof: synthProof,
  c1,
  c2,
  clear_cache: clearCache,
  snap_encode: snapEncode,
  snap_vanilla: snapVanilla,
  snap_prove: snapProve,
  snap_decode: snapDecode,
  unseal,
  transfer,
  window_post: windowPoSt,
  winning_post: winningPoSt,
}

/** A copy tells of every chunk; nobody wants to hear it more often than this. */
const PROGRESS_EVERY_MS = 1_000

function atIntervals(onProgress: (progress: Progress) => void): (progress: Progress) => void {
  let toldAt = Number.NEGATIVE_INFINITY
  return progress => {
    const now = performance.now()
    if (now - toldAt < PROGRESS_EVERY_MS) return
    toldAt = now
    onProgress(progress)
  }
}

export interface StageOptions {
  /** Checked between the steps of a stage; a native call that runs is waited for. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface BuiltInStages {
  run<S extends StageName>(stage: S, task: StageTask<S>, options?: StageOptions): Promise<StageOutput<S>>
  /** Ends the threads; waits for native calls that run. */
  close(): Promise<void>
}

export interface BuiltInOptions {
  /** Names tokens and switches: `PIECE_FETCHER_TOKEN`, `DISABLE_LINK`. Read when a task starts. */
  readonly env: NodeJS.ProcessEnv
  /** Default: the native prover in a pool of threads of its own. */
  readonly prover?: StageProver & { close(): Promise<void> }
}

/**
 * Runs stages inside this process. What computes runs in the prover's threads, which stay warm, so the event loop is free; how many
 * tasks run at once is decided by whoever calls. A native call cannot be interrupted: a stage that must be killable belongs in a child.
 */
export function createBuiltInStages({ env, prover = new WarmProver() }: BuiltInOptions): BuiltInStages {
  return {
    run: (stage, task, { signal, onProgress } = {}) =>
      BUILT_IN[stage](task, { prover, env, signal, onProgress: onProgress && atIntervals(onProgress) }),
    close: () => prover.close(),
  }
}
