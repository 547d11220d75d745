import { join } from 'node:path'
import { KERNEL_ROOTS, type KernelRoots, parseMeminfo, readNumber, readValue } from './kernel-files.js'

/** Bytes. */
export interface MemoryUse {
  readonly totalBytes: number
  readonly usedBytes: number
  readonly swapTotalBytes: number
  readonly swapUsedBytes: number
  /** What a container may use, when that is less than all. */
  readonly limitBytes?: number | undefined
}

/** Memory of the machine, and the limit of the container this runs in. Throws when the kernel does not tell. */
export async function readMemory(options: Partial<KernelRoots> = {}): Promise<MemoryUse> {
  const { sysRoot, procRoot } = { ...KERNEL_ROOTS, ...options }
  const values = parseMeminfo((await readValue(join(procRoot, 'meminfo'))) ?? '')
  const totalBytes = values.get('MemTotal')
  if (totalBytes === undefined) throw new Error(`${procRoot}/meminfo does not tell how much memory there is`)
  const free = values.get('MemAvailable') ?? values.get('MemFree') ?? totalBytes
  const swapTotalBytes = values.get('SwapTotal') ?? 0
  const limitBytes = await containerLimit(join(sysRoot, 'fs/cgroup'))
  return {
    totalBytes,
    usedBytes: Math.max(0, totalBytes - free),
    swapTotalBytes,
    swapUsedBytes: swapTotalBytes - (values.get('SwapFree') ?? swapTotalBytes),
    ...(limitBytes !== undefined && limitBytes < totalBytes ? { limitBytes } : {}),
  }
}

/** cgroup v2, then v1. The top of the tree has a limit only inside a container. */
const containerLimit = async (root: string): Promise<number | undefined> =>
  (await readNumber(join(root, 'memory.max'))) ?? (await readNumber(join(root, 'memory/memory.limit_in_bytes')))
