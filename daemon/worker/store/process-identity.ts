import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** Names one process for good: a pid alone is given out again. `start` and `boot` are empty where the system does not tell. */
export const ProcessIdentity = z.object({ pid: z.int().positive(), start: z.string(), boot: z.string() })
export type ProcessIdentity = z.infer<typeof ProcessIdentity>

function readSystemFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

const bootId = (): string => readSystemFile('/proc/sys/kernel/random/boot_id')

/** Start time in clock ticks since boot: field 22 of /proc/PID/stat, counted behind the name, which may hold blanks. */
function startTime(pid: number): string {
  const stat = readSystemFile(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

export const thisProcess = (): ProcessIdentity => ({
  pid: process.pid,
  start: startTime(process.pid),
  boot: bootId(),
})

export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.boot !== bootId()) return false
  try {
    process.kill(identity.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return identity.start === '' || startTime(identity.pid) === identity.start
}

/** The identity in a lock file's text; undefined when the file is empty (a plain marker) or holds anything else. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    return ProcessIdentity.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
