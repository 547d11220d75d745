import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 250
const BEAT_MS = 5_000
/** A lock without a beat for so long is nobody's: its machine is gone, or its file was never written whole. */
const DEAD_AFTER_MS = 60_000

export interface FileLockTimes {
  readonly beatMs?: number
  readonly deadAfterMs?: number
}

/** The lock that is there, or undefined when there is none any more. */
function holder(path: string, deadAfterMs: number): { text: string; alive: boolean } | undefined {
  let text: string
  let beatAt: number
  try {
    text = readFileSync(path, 'utf8')
    beatAt = statSync(path).mtimeMs
  } catch {
    return undefined
  }
  const [pid, host] = text.split(' ')
  const beats = Date.now() - beatAt < deadAfterMs
  // The beat alone counts where a pid says nothing.
  if (host !== hostname() || !/^\d+$/.test(pid ?? '')) return { text, alive: beats }
  try {
    process.kill(Number(pid), 0)
    // A pid is given out again: also here a lock without a beat is a dead one's.
    return { text, alive: beats }
  } catch (error) {
    return { text, alive: (error as NodeJS.ErrnoException).code === 'EPERM' && beats }
  }
}

function take(path: string, mine: string): boolean {
  try {
    writeFileSync(path, mine, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Moves the lock of a dead process out of the way, and gives it back if it was another's by then. */
function clear(path: string, dead: string): void {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  const moved = readFileSync(aside, 'utf8')
  if (moved !== dead) take(path, moved)
  rmSync(aside, { force: true })
}

/** Shows others that the holder lives. */
function beat(path: string, mine: string): void {
  try {
    const now = new Date()
    if (readFileSync(path, 'utf8') === mine) utimesSync(path, now, now)
  } catch {
    // Lost, or the disk has a moment: the next beat tells.
  }
}

/**
 * Runs `work` while no other process does so for the same path. A killed holder does not block, nor does a file that nobody keeps
 * alive. `work` must leave the event loop free, which the beats need.
 */
export async function withFileLock<T>(
  path: string,
  onWait: () => void,
  work: () => Promise<T>,
  { beatMs = BEAT_MS, deadAfterMs = DEAD_AFTER_MS }: FileLockTimes = {},
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  const mine = `${process.pid} ${hostname()} ${Date.now()} ${Math.random()}`
  let told = false
  while (!take(path, mine)) {
    const other = holder(path, deadAfterMs)
    if (other !== undefined && !other.alive) clear(path, other.text)
    else {
      if (!told) onWait()
      told = true
      await sleep(POLL_MS)
    }
  }
  const beats = setInterval(() => beat(path, mine), beatMs)
  try {
    return await work()
  } finally {
    clearInterval(beats)
    if (holder(path, deadAfterMs)?.text === mine) rmSync(path, { force: true })
  }
}
