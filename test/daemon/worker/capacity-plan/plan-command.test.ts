import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { parseToml, type TomlTable } from '../../../../daemon/kit/config/toml-file.js'
import { planCapacity } from '../../../../daemon/worker/capacity-plan/capacity-plan.js'
import type { GpuRole } from '../../../../daemon/worker/capacity-plan/gpu-roles.js'
import { planToml } from '../../../../daemon/worker/capacity-plan/plan-toml.js'
import { loadWorkerConfig } from '../../../../daemon/worker/config/worker-config.js'
import type { Machine } from '../../../../daemon/worker/hardware/machine.js'
import { machineFile } from '../../../../daemon/worker/hardware/machine-file.js'
import { placementProblems } from '../../../../daemon/worker/processors/placement/placement-problems.js'
import { GIB, gpu, sketch, TIB } from './machines.js'

const UTIL = fileURLToPath(new URL('../../../../bin/damocles-worker-util.js', import.meta.url))

/** The machine of the worked example: 1 TiB of memory, 128 cores, two GPUs. */
const EXAMPLE: Machine = {
  ...sketch({ memoryGib: 1024, l3sPerNode: 16, gpus: [gpu('RTX 3060 Ti', 8, 0), gpu('RTX 3060 Ti', 8, 1)] }),
  disks: [
    {
      kind: 'SSD',
      device: '/dev/nvme0n1',
      mountPoint: '/seal',
      filesystem: 'xfs',
      space: { totalBytes: 7 * TIB, usedBytes: 0, freeBytes: 7 * TIB },
    },
  ],
}

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function plan(...args: string[]): Promise<Result> {
  const child = spawn(process.execPath, [UTIL, 'plan', ...args])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => (stdout += chunk))
  child.stderr.on('data', chunk => (stderr += chunk))
  return new Promise(resolve => child.on('close', code => resolve({ code, stdout, stderr })))
}

/** The file that is written for a machine with these GPUs. */
function written(machine: Machine, gpuRoles: readonly GpuRole[]): string {
  const stores = [{ path: '/seal', disk: '/seal', freeBytes: 100 * TIB, isStore: false }]
  const goal = { sectorSize: 32 * GIB, headroom: 1, gpuRoles, minutes: {}, stores }
  const result = planCapacity(machine, goal)
  if ('impossible' in result) throw new Error(result.impossible.lacks.join())
  return planToml(result.plan, {
    manager: '/ip4/10.0.0.1/tcp/1789',
    miners: [1000],
    stores,
    attached: [{ name: 'p"1', location: '/mnt/p1' }],
    gpuRoles,
    topology: machine.topology,
    title: 'A plan.',
  })
}

const load = (text: string) => loadWorkerConfig(parseToml(text, 'w.toml')).config

describe('damocles-worker-util plan', () => {
  let dir: string
  let machine: string

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealyard-plan-'))
    machine = join(dir, 'machine.json')
    await writeFile(machine, JSON.stringify(machineFile(EXAMPLE)))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('S002-38: the worked example as a configuration that the worker loads', async () => {
    const args = ['--machine', machine, '--sector-size', '64GiB', '--miner', 'f01000', '--miner', '1001']
    const { code, stdout, stderr } = await plan(...args, '--attach', 'p1=/mnt/p1', '--attach', '/mnt/p2')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout).to.match(/# │ memory .*│ 7\.125 +│ yes/)
    expect(stdout).to.contain('# At once: 6, memory permits 7.125, 1 held back')
    expect(stdout).to.contain('# 6 in /seal: 1TiB of disk each, 6TiB in all.')
    const config = load(stdout)
    expect(config.threads.map(thread => thread.location)).to.deep.equal(
      [1, 2, 3, 4, 5, 6].map(n => `/seal/sealing-${n}`),
    )
    expect(config.threads[0]!.sealing).to.deep.include({ allowedMiners: [1000, 1001], allowedSizes: [64 * GIB] })
    expect(config.attached.map(store => [store.name, store.location])).to.deep.equal([
      ['p1', '/mnt/p1'],
      [undefined, '/mnt/p2'],
    ])
    const { children, limitation } = config.processors
    expect(limitation.concurrent).to.deep.equal({ tree_d: 1, pc1: 6, pc2: 1, c2: 1 })
    expect(children.pc1!.map(each => [each.numaPreferred, each.cgroup.cpuset, each.concurrent])).to.deep.equal([
      [0, '0-11', 3],
      [1, '64-75', 3],
    ])
    expect(children.pc1![0]!.envs).to.include({ FIL_PROOFS_USE_MULTICORE_SDR: '1' })
    expect(children.c2![0]!.envs.CUDA_VISIBLE_DEVICES).to.equal('0')
    expect(children.pc2![0]!.envs).to.include({ CUDA_VISIBLE_DEVICES: '1', FIL_PROOFS_USE_GPU_TREE_BUILDER: '1' })
  }).timeout(60_000)

  it('writes the file and prints what it rests on; never over a file that is there', async () => {
    const file = join(dir, 'w.toml')
    const { code, stdout } = await plan('--machine', machine, '--threads', '2', '-o', file)
    expect(code).to.equal(0)
    expect(stdout).to.match(/^╭/).and.to.contain('At once: 2, as asked for.').and.to.contain(`Written to ${file}.`)
    expect(stdout).to.match(/To be expected: [\d.]+ sectors \([\d.]+ GiB\) a day\./)
    expect(load(await readFile(file, 'utf8')).threads).to.have.length(2)
    const again = await plan('--machine', machine, '--threads', '3', '-o', file)
    expect(again.code).to.equal(1)
    expect(again.stderr).to.contain('is there already (--force replaces it)')
    expect((await plan('--machine', machine, '--threads', '3', '-o', file, '--force')).code).to.equal(0)
    expect(load(await readFile(file, 'utf8')).threads).to.have.length(3)
  }).timeout(60_000)

  it('a machine that cannot seal a sector: what lacks, the table all the same, exit code 1', async () => {
    const small = { ...EXAMPLE, memory: { ...EXAMPLE.memory, limitBytes: 24 * GIB } }
    await writeFile(machine, JSON.stringify(machineFile(small)))
    const { code, stdout, stderr } = await plan('--machine', machine)
    expect(code).to.equal(1)
    expect(stderr).to.contain('this machine cannot do 1 sector at once of 32GiB; it lacks\n  96.00 GiB of memory: ')
    expect(stderr).to.not.contain('disk')
    expect(stdout)
      .to.match(/│ memory .*│ 0 +│ yes/)
      .and.to.match(/│ disk .*│ 13\.784 +│ no/)
  }).timeout(60_000)

  it('plans this machine', async () => {
    const [stores, persist] = [join(dir, 'stores'), join(dir, 'persist')]
    await mkdir(stores)
    await mkdir(join(stores, 'old'))
    await writeFile(join(stores, 'old', '.holder'), '')
    const args = ['--sector-size', '2KiB', '--attach', persist, '--store', join(stores, 'old')]
    const missing = await plan(...args)
    expect(missing).to.deep.include({ code: 1, stdout: '' })
    expect(missing.stderr).to.contain(`not there, or on a mount that does not answer: ${persist}`)
    await mkdir(persist)
    const { stdout, stderr } = await plan(...args)
    expect(stderr).to.equal('')
    const config = load(stdout)
    expect(config.threads.map(thread => thread.location)).to.deep.equal([join(stores, 'old')])
    expect(config.attached[0]!.location).to.equal(persist)
    expect(config.processors.children).to.deep.equal({})
  }).timeout(60_000)

  it('refuses what it cannot plan with', async () => {
    for (const [args, message] of [
      [['--sector-size', '1GiB'], 'expected a sector size (2KiB'],
      [['--gpu-roles', 'c3'], 'expected a list of wdpost, c2, pc2'],
      [['--manager', '/ip4/x/tcp/1'], 'argument'],
      [['--miner', 'x'], 'expected a miner'],
      [['--threads', '0'], 'expected a whole number from 1'],
      [['--threads', '1', '--sectors-per-day', '3'], 'cannot be used with'],
      [['--machine', machine, '--store', 'elsewhere'], 'no disk of the machine holds elsewhere'],
    ] as const) {
      const { code, stderr } = await plan(...args)
      expect(code, args.join(' ')).to.equal(1)
      expect(stderr).to.contain(message)
    }
  }).timeout(120_000)
})

describe('planned configuration', () => {
  const gpus = (count: number) => Array.from({ length: count }, (_, at) => gpu(`card ${at}`, 24))

  it('S002-40: window PoSt, C2 and PC2 have a GPU each; the worker proves windows', () => {
    const text = written(sketch({ memoryGib: 1024, gpus: gpus(3) }), ['wdpost', 'c2', 'pc2'])
    const { sealing_thread: threads, processors } = parseToml(text, 'w.toml').value as {
      sealing_thread: TomlTable[]
      processors: Record<string, { envs: Record<string, string> }[]>
    }
    expect(threads.at(-1)).to.deep.equal({ plan: 'wdpost' })
    const devices = ['window_post', 'c2', 'pc2'].map(stage => processors[stage]![0]!.envs.CUDA_VISIBLE_DEVICES)
    expect(devices).to.deep.equal(['0', '1', '2'])
  })

  it('S002-40: C2 and PC2 take turns on a single GPU by a lock', () => {
    const { processors } = load(written(sketch({ memoryGib: 1024, gpus: gpus(1) }), ['c2', 'pc2']))
    expect(processors.extLocks).to.deep.equal({ gpu0: 1 })
    expect(processors.children.c2![0]!.locks).to.deep.equal(['gpu0'])
    expect(processors.children.pc2![0]!.locks).to.deep.equal(['gpu0'])
  })

  it('S002-40: what has no GPU leaves those of others alone', () => {
    const { processors } = load(written(sketch({ memoryGib: 1024, gpus: gpus(1) }), []))
    expect(processors.children.c2![0]!.envs).to.deep.equal({ BELLMAN_NO_GPU: '1' })
    expect(processors.children.pc2![0]!.envs).to.deep.equal({})
  })

  it('S004-94: one NUMA node needs no preference, and few cores no cpusets', () => {
    const one = load(written(sketch({ memoryGib: 512, nodes: 1 }), ['c2', 'pc2'])).processors.children
    expect(one.pc1![0]!.numaPreferred).to.equal(undefined)
    const tiny = sketch({ memoryGib: 512, nodes: 1, l3sPerNode: 1, coresPerL3: 2 })
    const children = load(written(tiny, ['c2', 'pc2'])).processors.children
    expect(children.pc1![0]!.cgroup.cpuset).to.equal('0')
    expect(children.c2![0]!.cgroup.cpuset).to.equal(undefined)
  })

  it('S004-93 S004-94: a worker that checks where its children are to run finds nothing to say', () => {
    for (const machine of [
      sketch({ memoryGib: 1024, gpus: gpus(2) }),
      sketch({ memoryGib: 2048, l3sPerNode: 3, coresPerL3: 8, threads: true, gpus: gpus(4) }),
      sketch({ memoryGib: 512, nodes: 1, l3sPerNode: 2, coresPerL3: 3 }),
    ]) {
      const { children } = load(written(machine, ['c2', 'pc2'])).processors
      expect(placementProblems(children, machine.topology, {})).to.deep.equal([])
    }
  })

  it('names are quoted as TOML wants them', () => {
    const config = load(written(sketch({ memoryGib: 512 }), ['c2']))
    expect(config.attached).to.deep.equal([{ name: 'p"1', location: '/mnt/p1', readonly: false }])
  })
})
