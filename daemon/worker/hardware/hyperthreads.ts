import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCpuList } from './cpu-list.js'
import { KERNEL_ROOTS, type KernelRoots, numberedIn, readValue } from './kernel-files.js'
import type { Pu } from './topology.js'

/** The threads of the cores of a machine. A core is named by its lowest processor. */
export interface Hyperthreads {
  readonly cores: number
  /** Processors that are the second (or a further) thread of a core and are on. */
  readonly siblingsOn: readonly number[]
  /** Processors that are off, for whatever reason. */
  readonly off: readonly number[]
}

const cpuDir = (sysRoot: string): string => join(sysRoot, 'devices/system/cpu')

/** Throws when the kernel does not tell which processors share a core. */
export async function readHyperthreads(options: Partial<KernelRoots> = {}): Promise<Hyperthreads> {
  const directory = cpuDir({ ...KERNEL_ROOTS, ...options }.sysRoot)
  const cores = new Set<number>()
  const siblingsOn: number[] = []
  const off: number[] = []
  for (const cpu of await numberedIn(directory, 'cpu')) {
    // The first processor often has no such file: it cannot be switched off.
    if ((await readValue(join(directory, `cpu${cpu}`, 'online'))) === '0') {
      off.push(cpu)
      continue
    }
    const shared = await readValue(join(directory, `cpu${cpu}`, 'topology/thread_siblings_list'))
    if (shared === undefined) continue
    const first = parseCpuList(shared)[0]!
    cores.add(first)
    if (cpu !== first) siblingsOn.push(cpu)
  }
  if (cores.size === 0) throw new Error(`${directory} does not tell which processors share a core`)
  return { cores: cores.size, siblingsOn, off }
}

/** Switches processors off, or on again, until the next start of the machine. Needs root. */
export async function switchCpus(
  cpus: readonly number[],
  on: boolean,
  options: Partial<KernelRoots> = {},
): Promise<void> {
  const directory = cpuDir({ ...KERNEL_ROOTS, ...options }.sysRoot)
  for (const cpu of cpus) await writeFile(join(directory, `cpu${cpu}`, 'online'), on ? '1' : '0')
}

/**
 * Whole cores for shares of a machine, as 75 and 25: every thread of a core goes to the same share. Cores that are left over by rounding go to the
 * largest fractions. Throws a RangeError when a share would have no core.
 */
export function coreShares(pus: readonly Pu[], shares: readonly number[]): number[][] {
  const cores = [...new Set(pus.map(({ core }) => core))].sort((a, b) => a - b)
  const total = shares.reduce((sum, share) => sum + share, 0)
  const exact = shares.map(share => (share / Math.max(total, 100)) * cores.length)
  const counts = exact.map(Math.floor)
  const wanted = Math.min(cores.length, Math.round(exact.reduce((sum, part) => sum + part, 0)))
  const byFraction = exact.map((part, index) => ({ index, fraction: part % 1 })).sort((a, b) => b.fraction - a.fraction)
  for (const { index } of byFraction) if (counts.reduce((sum, count) => sum + count, 0) < wanted) counts[index]!++
  const none = counts.indexOf(0)
  if (none >= 0) throw new RangeError(`${shares[none]} % of ${cores.length} cores are not one core`)
  return counts.map((count, index) => {
    const first = counts.slice(0, index).reduce((sum, before) => sum + before, 0)
    const own = new Set(cores.slice(first, first + count))
    return pus.filter(({ core }) => own.has(core)).map(pu => pu.index)
  })
}
