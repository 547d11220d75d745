import { availableParallelism, hostname } from 'node:os'
import { allowedCpus } from '../hardware/allowed-cpus.js'
import { readGpus } from '../hardware/gpus.js'
import { readMemory } from '../hardware/memory.js'
import { readTopology } from '../hardware/read-topology.js'

/** What a worker may use of its machine. */
export interface MachineShare {
  readonly machine: string
  /** Of the whole machine, or of the container that this runs in. */
  readonly memoryBytes: number
  /** Whole cores: two threads of one core count once. */
  readonly cores: number
  readonly gpus: readonly string[]
}

/** `CUDA_VISIBLE_DEVICES` names those that count; `BELLMAN_NO_GPU` leaves none. */
export function visibleGpus(count: number, env: NodeJS.ProcessEnv): string[] {
  if (env.BELLMAN_NO_GPU !== undefined && env.BELLMAN_NO_GPU !== '0') return []
  const all = Array.from({ length: count }, (_, index) => String(index))
  const named = env.CUDA_VISIBLE_DEVICES
  if (named === undefined) return all
  return named
    .split(',')
    .map(id => id.trim())
    .filter(id => id !== '' && id !== '-1')
    .slice(0, count)
}

export async function machineShare(env: NodeJS.ProcessEnv): Promise<MachineShare> {
  const [memory, gpus, cores] = await Promise.all([readMemory(), readGpus(), wholeCores()])
  return {
    machine: hostname(),
    memoryBytes: memory.limitBytes ?? memory.totalBytes,
    cores,
    gpus: visibleGpus(gpus.length, env),
  }
}

async function wholeCores(): Promise<number> {
  try {
    const [topology, allowed] = await Promise.all([readTopology(), allowedCpus()])
    const pus = topology.packages
      .flatMap(each => each.numaNodes)
      .flatMap(node => node.l3Groups)
      .flatMap(group => group.pus)
    const cores = new Set(pus.filter(pu => allowed?.has(pu.index) ?? true).map(pu => pu.core))
    if (cores.size > 0) return cores.size
  } catch {
    // What the kernel does not tell is counted as Node sees it.
  }
  return availableParallelism()
}
