import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 250

/** The process that holds the lock, or undefined when nobody can any more. */
function holder(path: string): { text: string; alive: boolean } | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  const [pid, host] = text.split(' ')
  if (host !== hostname()) return { text, alive: true }
  try {
    process.kill(Number(pid), 0)
    return { text, alive: true }
  } catch (error) {
    return { text, alive: (error as NodeJS.ErrnoException).code === 'EPERM' }
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

/** Runs `work` while no other process of this machine does so for the same path. A killed holder does not block. */
export async function withFileLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  const mine = `${process.pid} ${hostname()} ${Date.now()}`
  let told = false
  while (!take(path, mine)) {
    const other = holder(path)
    if (other !== undefined && !other.alive) clear(path, other.text)
    else {
      if (!told) onWait()
      told = true
      await sleep(POLL_MS)
    }
  }
  try {
    return await work()
  } finally {
    if (holder(path)?.text === mine) rmSync(path, { force: true })
  }
}
