import { expect } from 'chai'
import { placeWork } from '../../../../daemon/worker/capacity-plan/placement.js'
import { formatCpuList } from '../../../../daemon/worker/hardware/cpu-list.js'
import { l3Groups, numaNodes, type Topology } from '../../../../daemon/worker/hardware/topology.js'
import { GIB, sketch } from './machines.js'

/** Cores of a cpuset in each L3 that it touches: multicore SDR wants them equal. */
function coresByL3(topology: Topology, cpus: readonly number[]): number[] {
  return l3Groups(topology)
    .map(group => new Set(group.pus.filter(pu => cpus.includes(pu.index)).map(pu => pu.core)).size)
    .filter(count => count > 0)
}

const place = (topology: Topology, pc1: number, wishes: readonly { weight: number; node?: number }[] = []) =>
  placeWork(topology, pc1, 64 * GIB, wishes)

describe('placement', () => {
  it('S004-93 S004-94: PC1 takes whole L3s of one NUMA node each', () => {
    const { topology } = sketch({ memoryGib: 512 })
    const { pc1 } = place(topology, 6)
    expect(pc1.map(each => [each.node, each.concurrent, formatCpuList(each.cpus)])).to.deep.equal([
      [0, 3, '0-11'],
      [1, 3, '32-43'],
    ])
    expect(pc1.every(each => each.producers === 3)).to.equal(true)
  })

  it('S004-91: an odd number is not halved', () => {
    const { pc1 } = place(sketch({ memoryGib: 2048, l3sPerNode: 12 }).topology, 15)
    expect(pc1.map(each => each.concurrent)).to.deep.equal([8, 7])
  })

  it('S004-93 S004-97: equally many cores of each L3, on any machine', () => {
    for (const nodes of [1, 2, 4]) {
      for (const l3sPerNode of [1, 2, 3, 8]) {
        for (const coresPerL3 of [1, 2, 3, 4, 6, 8, 16]) {
          for (const pc1 of [1, 2, 5, 14, 60]) {
            const { topology } = sketch({ memoryGib: 1024, nodes, l3sPerNode, coresPerL3, threads: pc1 % 2 === 0 })
            const what = `${nodes} × ${l3sPerNode} × ${coresPerL3}, ${pc1} PC1`
            const plan = place(topology, pc1, [{ weight: 3 }, { weight: 2, node: nodes - 1 }, { weight: 1 }])
            for (const each of plan.pc1) {
              expect(new Set(coresByL3(topology, each.cpus)).size, what).to.equal(1)
              const node = numaNodes(topology).find(({ index }) => index === each.node)!
              const own = node.l3Groups.flatMap(group => group.pus.map(pu => pu.index))
              expect(
                each.cpus.every(cpu => own.includes(cpu)),
                what,
              ).to.equal(true)
            }
            expect(
              plan.pc1.reduce((sum, each) => sum + each.concurrent, 0),
              what,
            ).to.equal(pc1)
            const all = [...plan.pc1, ...plan.others].flatMap(each => each.cpus)
            expect(new Set(all).size, `${what}: no processor twice`).to.equal(all.length)
          }
        }
      }
    }
  })

  it('a quarter of the cores stays for the other stages', () => {
    const { pc1, others } = place(sketch({ memoryGib: 4096 }).topology, 40, [{ weight: 1 }])
    expect(pc1.flatMap(each => each.cpus)).to.have.length(48)
    expect(others[0]!.cpus).to.have.length(16)
  })

  it('two PC1 share an L3 of eight cores; a core is taken with both its processors', () => {
    const { topology } = sketch({ memoryGib: 512, nodes: 1, l3sPerNode: 4, coresPerL3: 8, threads: true })
    const { pc1 } = place(topology, 3)
    expect(pc1[0]).to.deep.include({ l3s: 2, coresPerL3: 8, producers: 3 })
    expect(formatCpuList(pc1[0]!.cpus)).to.equal('0-15,32-47')
  })

  it('fewer cores mean fewer helpers, then none', () => {
    const producers = (coresPerL3: number): number =>
      place(sketch({ memoryGib: 512, nodes: 1, l3sPerNode: 1, coresPerL3 }).topology, 4).pc1[0]!.producers
    expect([32, 16, 11, 4].map(producers)).to.deep.equal([3, 2, 1, 0])
  })

  it('a node with little memory gets fewer', () => {
    const { topology } = sketch({ memoryGib: 512 })
    const [first, second] = topology.packages
    const small = { ...second!, numaNodes: second!.numaNodes.map(node => ({ ...node, memoryBytes: 64 * GIB })) }
    const { pc1 } = place({ ...topology, packages: [first!, small] }, 5)
    expect(pc1.map(each => each.concurrent)).to.deep.equal([4, 1])
  })

  it('one L3 with a core offline does not make the others smaller', () => {
    const { topology } = sketch({ memoryGib: 512, nodes: 1, l3sPerNode: 3 })
    const [only] = topology.packages
    const node = only!.numaNodes[0]!
    const l3Groups = node.l3Groups.map((group, at) => (at === 0 ? { ...group, pus: group.pus.slice(1) } : group))
    const { pc1 } = place({ ...topology, packages: [{ ...only!, numaNodes: [{ ...node, l3Groups }] }] }, 2)
    expect(pc1[0]).to.deep.include({ l3s: 2, coresPerL3: 4, cpus: [4, 5, 6, 7, 8, 9, 10, 11] })
  })

  it('other work goes near its GPU', () => {
    const { others } = place(sketch({ memoryGib: 512 }).topology, 2, [
      { weight: 1, node: 1 },
      { weight: 1, node: 0 },
    ])
    expect(others.map(each => each.node)).to.deep.equal([1, 0])
    expect(
      place(sketch({ memoryGib: 512, nodes: 1, l3sPerNode: 1, coresPerL3: 2 }).topology, 1, [
        { weight: 1 },
        { weight: 1 },
      ]).others.map(each => each.cpus),
    ).to.deep.equal([[], []])
  })
})
