import { expect } from 'chai'
import { parseCpuList } from '../../../../../daemon/worker/hardware/cpu-list.js'
import type { Topology } from '../../../../../daemon/worker/hardware/topology.js'
import { placementProblems } from '../../../../../daemon/worker/processors/placement/placement-problems.js'
import { type ChildConfig, type ChildStage, DEFAULT_CHILD } from '../../../../../daemon/worker/processors/processors.js'
import { load, sample, whole } from '../../config/sample-files.js'
import { machine } from './machines.js'

const SDR = { FIL_PROOFS_USE_MULTICORE_SDR: '1' }

function entry(cpuset: string | undefined, more: Partial<ChildConfig> = {}): ChildConfig {
  return { ...DEFAULT_CHILD, cgroup: { groupName: 'vc-worker', cpuset }, ...more }
}

const found = (
  topology: Topology | undefined,
  child: ChildConfig,
  stage: ChildStage = 'pc1',
  env: NodeJS.ProcessEnv = {},
): string[] =>
  placementProblems({ [stage]: [child] }, topology, env).map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  )

describe('where children are to run', () => {
  const epyc = machine(2, 6, 4)

  it('S004-93 S004-97: "0-6" on caches of 4 cores is refused for multicore SDR, and "0-7" named as right', () => {
    const problems = found(epyc, entry('0-6', { envs: SDR }))
    expect(problems).to.have.length(1)
    expect(problems[0]).to.match(/^error processors\.pc1\[0\]\.cgroup\.cpuset: .*"0-6" takes 4 \+ 3 cores of 2 caches/)
    expect(problems[0]).to.contain('PC1 cannot start; "0-7" would be right, or "0-3"')
    expect(found(epyc, entry('0-7', { envs: SDR }))).to.deep.equal([])
  })

  it('S004-93: whole caches are right, and so is the same number of cores in each', () => {
    for (const cpuset of ['0-3', '4-11', '0-1,4-5', '2,6,10', '5']) {
      expect(found(epyc, entry(cpuset, { envs: SDR })), cpuset).to.deep.equal([])
    }
    expect(found(epyc, entry('0,4-5', { envs: SDR }))[0])
      .to.contain('"0-7" would be right')
      .and.not.contain(', or')
  })

  it('counts cores, not their threads, and proposes as many threads of each as were taken', () => {
    const smt = machine(1, 2, 4, 2)
    expect(found(smt, entry('0-3,4-7,8', { envs: SDR }))).to.deep.equal([])
    expect(found(smt, entry('0-6', { envs: SDR }))[0]).to.contain('"0-7" would be right, or "0-3"')
    expect(found(smt, entry('0-6,8-14', { envs: SDR }))[0]).to.contain('"0-15" would be right, or "0-3,8-11"')
  })

  it('S004-93: the rule holds for multicore SDR only, from the entry or from the worker, as far as that is inherited', () => {
    const uneven = entry('0-6')
    expect(found(epyc, uneven)).to.deep.equal([])
    expect(found(epyc, uneven, 'pc1', SDR)).to.have.length(1)
    expect(found(epyc, { ...uneven, inheritEnvs: false }, 'pc1', SDR)).to.deep.equal([])
    expect(found(epyc, { ...uneven, envs: { FIL_PROOFS_USE_MULTICORE_SDR: '0' } }, 'pc1', SDR)).to.deep.equal([])
    expect(found(epyc, { ...uneven, envs: SDR }, 'pc2')).to.deep.equal([])
  })

  it('S004-80: a cpuset is written in the standard format', () => {
    expect(parseCpuList('4-5')).to.deep.equal([4, 5])
    expect(parseCpuList('8-11,24-27')).to.deep.equal([8, 9, 10, 11, 24, 25, 26, 27])
    for (const text of ['', 'all', '0-', '5-2', '0;1', '0x3']) {
      expect(found(undefined, entry(text), 'c2')[0], text).to.match(
        /^error processors\.c2\[0\]\.cgroup\.cpuset: expected/,
      )
    }
  })

  it('S004-80: processors that the machine does not have, and what is no list, are errors that name the key', () => {
    expect(found(machine(1, 2, 4), entry('4-9'), 'c2')).to.deep.equal([
      'error processors.c2[0].cgroup.cpuset: "4-9" names processors that this machine does not have: 8-9; it has 0-7',
    ])
    expect(found(undefined, entry('0-x'), 'c2')[0]).to.match(
      /^error processors\.c2\[0\]\.cgroup\.cpuset: expected a list/,
    )
  })

  it('S004-94: warns of a cpuset that crosses NUMA nodes, unless memory files of huge pages are used', () => {
    expect(found(epyc, entry('20-27'), 'c2')).to.deep.equal([
      'warning processors.c2[0].cgroup.cpuset: "20-27" crosses the NUMA nodes 0-1: memory of another node is slow',
    ])
    expect(found(epyc, entry('20-27', { envs: { HUGEPAGE_FILES_PATH: '/mnt/huge' } }), 'c2')).to.deep.equal([])
    expect(found(epyc, entry('20-27', { args: ['processor', 'pc1', '--hugepage_files_path=/h'] }))).to.deep.equal([])
  })

  it('S004-79 S004-94: warns of a numa_preferred that is not the node of the cores, or that there is not', () => {
    expect(found(epyc, entry('0-7', { numaPreferred: 1 }), 'c2')).to.deep.equal([
      'warning processors.c2[0].numa_preferred: node 1 has none of the processors "0-7", which are on node 0',
    ])
    expect(found(epyc, entry('24-31', { numaPreferred: 1 }), 'c2')).to.deep.equal([])
    expect(found(epyc, entry(undefined, { numaPreferred: 2 }), 'c2')).to.deep.equal([
      'warning processors.c2[0].numa_preferred: this machine has no NUMA node 2, its nodes are 0-1',
    ])
  })

  it('checks nothing but the syntax when the machine cannot be read', () => {
    expect(found(undefined, entry('0-6,900', { envs: SDR, numaPreferred: 7 }))).to.deep.equal([])
  })

  it('S004-86 S004-87: the sample for 48 cores and 4 GPUs fits such a machine, with the environment of each child', () => {
    const { children } = load(whole(sample('server-48c-4gpu'))).config.processors
    const problems = placementProblems(children, machine(4, 3, 4), {})
    expect(problems.filter(({ severity }) => severity === 'error')).to.deep.equal([])
    expect(problems.map(({ path }) => path)).to.deep.equal([
      'processors.pc2[0].cgroup.cpuset',
      'processors.pc2[1].cgroup.cpuset',
    ])
    expect(Object.entries(children).map(([stage, entries]) => [stage, entries?.length])).to.deep.equal([
      ['tree_d', 1],
      ['pc1', 2],
      ['pc2', 2],
      ['c2', 1],
    ])
    expect(children.pc2![1]!.envs).to.deep.equal({
      FIL_PROOFS_USE_GPU_COLUMN_BUILDER: '1',
      FIL_PROOFS_USE_GPU_TREE_BUILDER: '1',
      CUDA_VISIBLE_DEVICES: '1',
    })
  })
})
