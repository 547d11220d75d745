import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Progress } from '../../rpc-schema/processor/frames.js'
import type { StageContext } from './stage-context.js'

/** How often a native call is looked after from outside. */
const LOOK_MS = 2_000

/** What can be seen of a call: how much of it is done, and what it is at. undefined: nothing (yet). */
export type Look = () => Progress | undefined | Promise<Progress | undefined>

/**
 * Runs a native call, which tells nothing by itself, and reports what `look` sees of it whenever that has moved. A look that fails, for
 * its files may not be there yet, sees nothing.
 */
export async function watched<T>(
  { onProgress, lookMs = LOOK_MS }: StageContext,
  look: Look,
  call: () => Promise<T>,
): Promise<T> {
  if (onProgress === undefined) return await call()
  let looking = false
  let seen: Progress = {}
  const timer = setInterval(async () => {
    if (looking) return
    looking = true
    try {
      const now = await look()
      const moved = now !== undefined && ((now.done ?? 0) > (seen.done ?? -1) || now.step !== seen.step)
      if (moved && !ended) {
        // What is done never shrinks.
        seen = { ...now, ...(now.done === undefined ? {} : { done: Math.max(now.done, seen.done ?? 0) }) }
        onProgress(seen)
      }
    } catch {
      // Looked at again soon.
    } finally {
      looking = false
    }
  }, lookMs)
  // What runs holds the process, not those who look at it.
  timer.unref()
  let ended = false
  try {
    return await call()
  } finally {
    ended = true
    clearInterval(timer)
  }
}

/**
 * Bytes of a file that were written, 0 when it is not there. The library gives some files their size before it fills them, so what
 * counts is the space they take.
 */
export async function writtenBytes(file: string): Promise<number> {
  const found = await stat(file).catch(() => undefined)
  return found === undefined ? 0 : Math.min(found.size, found.blocks * 512)
}

export async function fileBytes(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size
}

/** Bytes of a call that counts them itself, by the file that it writes. */
export function countedBytes({ prover }: StageContext, file: string): { done: number } | undefined {
  const running = prover.running?.().find(call => path.normalize(call.path) === path.normalize(file))
  if (running === undefined || running.totalBytes === 0) return undefined
  return { done: running.doneBytes / running.totalBytes }
}
