import type { NumaNode, Topology } from '../../../../../daemon/worker/hardware/topology.js'

/** A machine of equal L3 groups; with `threads` 2, the second thread of core n is processor n + cores, as Linux numbers them. */
export function machine(nodes: number, l3PerNode: number, coresPerL3: number, threads = 1): Topology {
  const cores = nodes * l3PerNode * coresPerL3
  const numaNodes = Array.from({ length: nodes }, (_, index): NumaNode => {
    const l3Groups = Array.from({ length: l3PerNode }, (_, at) => {
      const group = index * l3PerNode + at
      const firstCore = group * coresPerL3
      const pus = Array.from({ length: coresPerL3 * threads }, (_, pu) => {
        const core = firstCore + (pu % coresPerL3)
        return { core, index: core + Math.floor(pu / coresPerL3) * cores }
      })
      return { index: group, sizeBytes: 16 << 20, pus }
    })
    return { index, memoryBytes: 2 ** 38, l3Groups }
  })
  return { memoryBytes: nodes * 2 ** 38, packages: [{ index: 0, model: 'AMD EPYC', numaNodes }] }
}
