import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { StageName } from '../../rpc-schema/processor/stages.js'

/**
 * What a parent hears of a stage while it runs:
 *
 * | stage | what moves its progress |
 * |---|---|
 * | `transfer` | every chunk that is copied or read back |
 * | `add_pieces` | bytes that are fetched, then bytes that are padded and hashed |
 * | `tree_d` | bytes of the data that the tree covers |
 * | `pc1` | whole layers, and signs of life in between |
 * | `pc2` | bytes of tree-c, files of tree-r-last, and signs of life |
 * | `unseal` `snap_decode` | layers, then decoded bytes, and signs of life |
 * | `snap_encode` | bytes of the replica, files of its tree, and signs of life |
 * | `synth_proof` `c1` `c2` `snap_vanilla` `snap_prove` `window_post` `winning_post` | signs of life only |
 * | `clear_cache` | nothing: it takes seconds |
 *
 * A sign of life is a progress without members. It is given only when this process has used the processor since the last one: that its event
 * loop turns proves nothing about a native call in another thread, and a call that waits for a dead mount or for a lock that is never
 * given uses none. What it cannot tell: one hung call beside one that works in the same process, and a driver that waits in a busy loop.
 */
const STAGES_WITH_SIGNS: ReadonlySet<StageName> = new Set<StageName>([
  'pc1',
  'pc2',
  'unseal',
  'snap_decode',
  'snap_encode',
  'synth_proof',
  'c1',
  'c2',
  'snap_vanilla',
  'snap_prove',
  'window_post',
  'winning_post',
])

const SIGN_EVERY_MS = 30_000
/** Part of one core below which a process is taken to be waiting; an idle event loop uses a hundredth of this. */
const BUSY_SHARE = 0.03

export interface SignsOfLifeOptions {
  readonly everyMs?: number
  /** CPU time of this process so far, in milliseconds. */
  readonly cpuMs?: () => number
}

const processCpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Runs a stage with signs of life between what it reports itself. For processes that do nothing but this stage. */
export async function withSignsOfLife<T>(
  stage: StageName,
  onProgress: (progress: Progress) => void,
  run: (onProgress: (progress: Progress) => void) => Promise<T>,
  { everyMs = SIGN_EVERY_MS, cpuMs = processCpuMs }: SignsOfLifeOptions = {},
): Promise<T> {
  if (!STAGES_WITH_SIGNS.has(stage)) return await run(onProgress)
  let cpuBefore = cpuMs()
  const timer = setInterval(() => {
    const cpuNow = cpuMs()
    if (cpuNow - cpuBefore >= BUSY_SHARE * everyMs) onProgress({})
    cpuBefore = cpuNow
  }, everyMs)
  // What runs holds the process, not those who look at it.
  timer.unref()
  try {
    return await run(onProgress)
  } finally {
    clearInterval(timer)
  }
}
