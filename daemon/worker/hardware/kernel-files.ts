import { readdir, readFile } from 'node:fs/promises'

/** Where the kernel tells of the machine; other directories in tests. */
export interface KernelRoots {
  readonly sysRoot: string
  readonly procRoot: string
}

export const KERNEL_ROOTS: KernelRoots = { sysRoot: '/sys', procRoot: '/proc' }

/** Text of a small file, trimmed; undefined when it cannot be read: kernels, containers and machines differ in what they show. */
export async function readValue(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return undefined
  }
}

export async function readNumber(path: string): Promise<number | undefined> {
  const text = await readValue(path)
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

/** Names in a directory, sorted; none when it cannot be read. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch {
    return []
  }
}

/** Numbers of the entries `<prefix><number>`, ascending. */
export async function numberedIn(directory: string, prefix: string): Promise<number[]> {
  const names = await namesIn(directory)
  return names
    .filter(name => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map(name => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b)
}

/** Bytes by key of a `meminfo` (`MemTotal:  1024 kB`, with `Node 0 ` before it in a NUMA node's). */
export function parseMeminfo(text: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^(?:Node \d+ )?([^:\s]+):\s+(\d+)(?: (kB))?/.exec(line)
    if (match) found.set(match[1]!, Number(match[2]) * (match[3] === undefined ? 1 : 1024))
  }
  return found
}
