import { expect } from 'chai'
import { formatCpuList, parseCpuList } from '../../../../daemon/worker/hardware/cpu-list.js'
import { readTopology } from '../../../../daemon/worker/hardware/read-topology.js'
import { l3Groups, numaNodes, pusOf, type Topology } from '../../../../daemon/worker/hardware/topology.js'
import { FakeKernel, type FakeMachine, GIB, LAPTOP, l3Row, MACHINE_WITHOUT_L3, TWO_EPYCS } from './fake-kernel.js'

const MIB = 1024 ** 2

describe('topology of a machine', () => {
  let kernel: FakeKernel | undefined

  afterEach(() => kernel?.remove())

  async function topologyOf(machine: FakeMachine): Promise<Topology> {
    kernel = await FakeKernel.make(machine)
    return readTopology(kernel.roots)
  }

  const groups = (topology: Topology): string[] =>
    l3Groups(topology).map(group => formatCpuList(group.pus.map(pu => pu.index)))

  it('two packages of eight L3s with four cores', async () => {
    const topology = await topologyOf(TWO_EPYCS)
    expect(topology.packages.map(each => each.model)).to.deep.equal(Array(2).fill('*** *** *** 32-Core Processor'))
    expect(topology.memoryBytes / GIB).to.be.closeTo(503.55, 0.01)
    expect(numaNodes(topology).map(node => [node.index, (node.memoryBytes / GIB).toFixed(2)])).to.deep.equal([
      [0, '251.57'],
      [1, '251.98'],
    ])
    expect(groups(topology)).to.have.length(16)
    expect(groups(topology).slice(7, 9)).to.deep.equal(['28-31', '32-35'])
    expect(l3Groups(topology).map(group => group.index)).to.deep.equal([...Array(16).keys()])
    expect(l3Groups(topology).every(group => group.sizeBytes === 16 * MIB)).to.equal(true)
  })

  it('knows which processors are one core', async () => {
    const topology = await topologyOf(LAPTOP)
    expect(pusOf(topology).map(pu => [pu.index, pu.core])).to.deep.equal([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 0],
      [5, 1],
      [6, 2],
      [7, 3],
    ])
    expect(topology.caches!.filter(cache => cache.level === 2).map(cache => cache.pus)).to.deep.equal([
      [0, 4],
      [1, 5],
      [2, 6],
      [3, 7],
    ])
  })

  it('processors that are offline are not there', async () => {
    const topology = await topologyOf({ ...LAPTOP, offline: [4, 5, 6, 7] })
    expect(groups(topology)).to.deep.equal(['0-3'])
    expect(pusOf(topology).map(pu => pu.core)).to.deep.equal([0, 1, 2, 3])
  })

  it('without L3 a NUMA node is one group', async () => {
    const topology = await topologyOf(MACHINE_WITHOUT_L3)
    expect(groups(topology)).to.deep.equal(['0-1', '2-3'])
    expect(l3Groups(topology).map(group => [group.index, group.sizeBytes])).to.deep.equal([
      [0, 0],
      [1, 0],
    ])
  })

  it('without a NUMA directory the machine is one node, shared out over its packages', async () => {
    const topology = await topologyOf({ ...TWO_EPYCS, withoutNodes: true })
    const nodes = numaNodes(topology)
    expect(nodes.map(node => node.index)).to.deep.equal([0])
    expect(nodes[0]!.memoryBytes).to.equal(topology.memoryBytes)
    expect(nodes[0]!.l3Groups).to.have.length(16)
    expect(topology.packages.map(each => each.numaNodes[0]!.memoryBytes / GIB)).to.satisfy((halves: number[]) =>
      halves.every(half => Math.abs(half - 503.55 / 2) < 0.01),
    )
  })

  it('four NUMA nodes in a package keep their L3s apart', async () => {
    const nodes = [0, 1, 2, 3].map(at => ({ bytes: 64 * GIB, l3s: l3Row(2, 4, 16 * MIB, at * 8) }))
    const topology = await topologyOf({ memoryBytes: 256 * GIB, packages: [{ model: 'NPS4', nodes }] })
    expect(numaNodes(topology).map(node => node.l3Groups.map(group => group.index))).to.deep.equal([
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
    ])
  })

  it('a cache over two NUMA nodes counts once', async () => {
    kernel = await FakeKernel.make({
      memoryBytes: 64 * GIB,
      packages: [{ model: 'SNC', nodes: [0, 1].map(at => ({ bytes: 32 * GIB, l3s: l3Row(1, 2, 32 * MIB, at * 2) })) }],
    })
    for (const pu of [0, 1, 2, 3]) {
      await kernel.put(`sys/devices/system/cpu/cpu${pu}/cache/index3/shared_cpu_list`, '0-3')
    }
    const topology = await readTopology(kernel.roots)
    expect(groups(topology)).to.deep.equal(['0-3'])
    expect(numaNodes(topology).map(node => node.l3Groups[0]!.pus.length)).to.deep.equal([2, 2])
  })

  it('from /proc/cpuinfo alone where sysfs shows no processors', async () => {
    const topology = await topologyOf({ ...LAPTOP, withoutCpus: true, withoutNodes: true })
    expect(topology.packages[0]!.model).to.equal('Laptop CPU')
    expect(groups(topology)).to.deep.equal(['0-7'])
    expect(pusOf(topology).find(pu => pu.index === 4)!.core).to.equal(0)
  })

  it('says so when there is nothing to be found', async () => {
    kernel = await FakeKernel.make({ memoryBytes: GIB, packages: [], withoutCpus: true })
    const failure = await readTopology(kernel.roots).catch((error: unknown) => error)
    expect(String(failure)).to.contain('no processors found: neither')
  })

  it('reads this machine', async () => {
    const topology = await readTopology()
    expect(pusOf(topology).length).to.be.at.least(1)
    expect(topology.memoryBytes).to.be.above(0)
  })
})

describe('list of processors', () => {
  it('is read and written as cpusets are', () => {
    expect(parseCpuList('0-3,8, 10-11\n')).to.deep.equal([0, 1, 2, 3, 8, 10, 11])
    expect(parseCpuList('0-7:2/4')).to.deep.equal([0, 1, 4, 5])
    expect(parseCpuList('')).to.deep.equal([])
    expect(formatCpuList([11, 3, 0, 1, 2, 8, 10, 3])).to.equal('0-3,8,10-11')
  })

  for (const broken of ['a', '3-1', '1-', '0-99999999', '0-7:3/2', '-1']) {
    it(`refuses ${broken}`, () => {
      expect(() => parseCpuList(broken)).to.throw('expected a list of processors')
    })
  }
})
