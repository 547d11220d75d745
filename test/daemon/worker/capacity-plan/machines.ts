import type { Gpu } from '../../../../daemon/worker/hardware/gpus.js'
import type { Machine } from '../../../../daemon/worker/hardware/machine.js'
import type { L3Group, Pu } from '../../../../daemon/worker/hardware/topology.js'

export const GIB = 1024 ** 3
export const TIB = 1024 ** 4

export interface MachineSketch {
  readonly memoryGib: number
  /** NUMA nodes, one a package. */
  readonly nodes?: number
  readonly l3sPerNode?: number
  readonly coresPerL3?: number
  /** Two processors a core, numbered after all the first ones. */
  readonly threads?: boolean
  readonly gpus?: readonly Gpu[]
}

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

export const gpu = (name: string, gib?: number, numaNode?: number): Gpu => ({
  name,
  vendor: 'NVIDIA',
  memoryBytes: gib === undefined ? undefined : gib * GIB,
  numaNode,
})

export function sketch(machine: MachineSketch): Machine {
  const { memoryGib, nodes = 2, l3sPerNode = 8, coresPerL3 = 4, threads = false, gpus = [] } = machine
  const cores = nodes * l3sPerNode * coresPerL3
  const pusOf = (core: number): Pu[] =>
    threads
      ? [
          { index: core, core },
          { index: core + cores, core },
        ]
      : [{ index: core, core }]
  const group = (index: number): L3Group => ({
    index,
    sizeBytes: 16 * 1024 ** 2,
    pus: range(coresPerL3).flatMap(at => pusOf(index * coresPerL3 + at)),
  })
  const memoryBytes = memoryGib * GIB
  return {
    topology: {
      memoryBytes,
      packages: range(nodes).map(index => ({
        index,
        model: 'EPYC',
        numaNodes: [
          {
            index,
            memoryBytes: memoryBytes / nodes,
            l3Groups: range(l3sPerNode).map(at => group(index * l3sPerNode + at)),
          },
        ],
      })),
    },
    memory: { totalBytes: memoryBytes, usedBytes: 0, swapTotalBytes: 0, swapUsedBytes: 0 },
    disks: [],
    gpus,
  }
}
