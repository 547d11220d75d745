import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { ConfigError } from '../../../../daemon/kit/config/config-error.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { hwinfoText } from '../../../../daemon/worker/hardware/hwinfo-text.js'
import type { Machine } from '../../../../daemon/worker/hardware/machine.js'
import { loadMachine, machineFile } from '../../../../daemon/worker/hardware/machine-file.js'
import { readTopology } from '../../../../daemon/worker/hardware/read-topology.js'
import { topologyTree } from '../../../../daemon/worker/hardware/topology-tree.js'
import { FakeKernel, type FakeMachine, GIB, LAPTOP, l3Row, MACHINE_WITHOUT_L3, TWO_EPYCS } from './fake-kernel.js'

const MIB = 1024 ** 2
const UTIL = fileURLToPath(new URL('../../../../bin/damocles-worker-util.js', import.meta.url))

const TWO_EPYCS_TREE = `Machine (503.55 GiB)
├── Package (251.57 GiB) (*** *** *** 32-Core Processor)
│   ├── NUMANode (#0 251.57 GiB)
│   ├── L3 (#0 16 MiB)
│   │   └── PU #0 + PU #1 + PU #2 + PU #3
│   ├── L3 (#1 16 MiB)
│   │   └── PU #4 + PU #5 + PU #6 + PU #7
│   ├── L3 (#2 16 MiB)
│   │   └── PU #8 + PU #9 + PU #10 + PU #11
│   ├── L3 (#3 16 MiB)
│   │   └── PU #12 + PU #13 + PU #14 + PU #15
│   ├── L3 (#4 16 MiB)
│   │   └── PU #16 + PU #17 + PU #18 + PU #19
│   ├── L3 (#5 16 MiB)
│   │   └── PU #20 + PU #21 + PU #22 + PU #23
│   ├── L3 (#6 16 MiB)
│   │   └── PU #24 + PU #25 + PU #26 + PU #27
│   └── L3 (#7 16 MiB)
│       └── PU #28 + PU #29 + PU #30 + PU #31
└── Package (251.98 GiB) (*** *** *** 32-Core Processor)
    ├── NUMANode (#1 251.98 GiB)
    ├── L3 (#8 16 MiB)
    │   └── PU #32 + PU #33 + PU #34 + PU #35
    ├── L3 (#9 16 MiB)
    │   └── PU #36 + PU #37 + PU #38 + PU #39
    ├── L3 (#10 16 MiB)
    │   └── PU #40 + PU #41 + PU #42 + PU #43
    ├── L3 (#11 16 MiB)
    │   └── PU #44 + PU #45 + PU #46 + PU #47
    ├── L3 (#12 16 MiB)
    │   └── PU #48 + PU #49 + PU #50 + PU #51
    ├── L3 (#13 16 MiB)
    │   └── PU #52 + PU #53 + PU #54 + PU #55
    ├── L3 (#14 16 MiB)
    │   └── PU #56 + PU #57 + PU #58 + PU #59
    └── L3 (#15 16 MiB)
        └── PU #60 + PU #61 + PU #62 + PU #63`

const DESCRIBED = `
[memory]
total = "503.55GiB"
used = "100GiB"
swap_total = "8GiB"

${[0, 1]
  .map(
    at => `[[packages]]
model = "*** *** *** 32-Core Processor"
[[packages.numa_nodes]]
index = ${at}
memory = "${at === 0 ? '251.57GiB' : '251.98GiB'}"
${[...Array(8).keys()]
  .map(l3 => {
    const cores = [0, 1, 2, 3].map(core => `"${at * 32 + l3 * 4 + core}"`)
    return `[[packages.numa_nodes.l3]]\nsize = "16MiB"\ncores = [${cores}]`
  })
  .join('\n')}`,
  )
  .join('\n')}

[[disks]]
kind = "SSD"
device = "/dev/nvme0n1"
mount_point = "/seal"
filesystem = "xfs"
total = "4TiB"
used = "1TiB"

[[gpus]]
name = "NVIDIA GeForce RTX 3080"
memory = "10GiB"
`

function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [UTIL, ...args])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => (stdout += chunk))
  child.stderr.on('data', chunk => (stderr += chunk))
  return new Promise(resolve => child.on('close', code => resolve({ code, stdout, stderr })))
}

describe('hwinfo', () => {
  let kernel: FakeKernel | undefined

  afterEach(() => kernel?.remove())

  async function tree(machine: FakeMachine, full = false): Promise<string[]> {
    kernel = await FakeKernel.make(machine)
    return topologyTree(await readTopology(kernel.roots), full).split('\n')
  }

  const described = (): Machine => loadMachine(parseToml(DESCRIBED, 'm.toml'))

  it('S004-96: a machine that the kernel shows is drawn as the documented tree', async () => {
    expect((await tree(TWO_EPYCS)).join('\n')).to.equal(TWO_EPYCS_TREE)
  })

  it('S004-96: a described machine is drawn as the same tree, under its heading', () => {
    const [topology, disks, gpus, memory] = hwinfoText(described()).split('\n\n')
    expect(topology).to.equal(`CPU topology:\n${TWO_EPYCS_TREE}`)
    expect(disks).to.equal(
      `Disks:
╭───────────┬──────────────┬─────────────┬────────────┬────────────────────────────────────╮
│ Disk type │ Device name  │ Mount point │ Filesystem │ Space                              │
├───────────┼──────────────┼─────────────┼────────────┼────────────────────────────────────┤
│ SSD       │ /dev/nvme0n1 │ /seal       │ xfs        │ 1.00 TiB / 4.00 TiB (25.00% used)  │
╰───────────┴──────────────┴─────────────┴────────────┴────────────────────────────────────╯`.replaceAll(
        /(─|\s)(?=[╮│┤╯]$)/gm,
        '',
      ),
    )
    expect(gpus!.split('\n')[4]).to.equal('│ NVIDIA GeForce RTX 3080 │ NVIDIA │ 10.00 GiB │')
    expect(memory!.split('\n')[2]).to.equal('│ Total memory │ Used memory         │ Total swap │ Used swap   │')
    expect(memory!.split('\n')[4]).to.equal('│ 503.55 GiB   │ 100.00 GiB (19.86%) │ 8.00 GiB   │ 0 B (0.00%) │')
  })

  it('S004-95: the command shows this machine, and a description of it that reads back the same', async () => {
    const { code, stdout } = await run('hwinfo')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^CPU topology:\nMachine \([\d.]+ [KMGT]iB\)/)
    for (const heading of ['Disks:', 'GPU:', 'Memory:']) expect(stdout).to.contain(`\n\n${heading}\n`)
    const json = await run('hwinfo', '--json')
    kernel = await FakeKernel.make(LAPTOP)
    const file = join(kernel.dir, 'machine.json')
    await writeFile(file, json.stdout)
    const again = await run('hwinfo', '--machine', file)
    expect(again.stdout.split('\n\n')[0]).to.equal(stdout.split('\n\n')[0])
  }).timeout(60_000)

  it('S004-96: of more than eight processors the first and the last three are listed', async () => {
    const eight = await tree({
      ...LAPTOP,
      packages: [{ model: '', nodes: [{ bytes: GIB, l3s: l3Row(1, 8, MIB, 0) }] }],
    })
    expect(eight.at(-1)!.split(' + ')).to.have.length(8)
    const nine = await tree({ ...LAPTOP, packages: [{ model: '', nodes: [{ bytes: GIB, l3s: l3Row(1, 9, MIB, 0) }] }] })
    expect(nine.at(-1)!.trim()).to.equal('└── PU #0 + PU #1 + PU #2 + ... + PU #6 + PU #7 + PU #8')
  })

  it('S004-96: --full goes down to caches, cores and processors', async () => {
    expect((await tree(LAPTOP, true)).slice(0, 14)).to.deep.equal([
      'Machine (16.00 GiB)',
      '└── Package (16.00 GiB) (Laptop CPU)',
      '    ├── NUMANode (#0 16.00 GiB)',
      '    └── L3 (#0 8 MiB)',
      '        ├── L2 (#0 512 KiB)',
      '        │   └── L1 (#0 32 KiB)',
      '        │       └── Core #0',
      '        │           ├── PU #0',
      '        │           └── PU #4',
      '        ├── L2 (#1 512 KiB)',
      '        │   └── L1 (#1 32 KiB)',
      '        │       └── Core #1',
      '        │           ├── PU #1',
      '        │           └── PU #5',
    ])
  })

  it('without L3 the next cache is shown, without any cache the processors', async () => {
    expect((await tree(MACHINE_WITHOUT_L3)).slice(1, 5)).to.deep.equal([
      '├── Package (4.00 GiB) (Virtual CPU)',
      '│   ├── NUMANode (#0 4.00 GiB)',
      '│   ├── L2 (#0 512 KiB)',
      '│   │   └── PU #0',
    ])
    const { topology } = loadMachine(
      parseToml(
        '[memory]\ntotal = 1024\n[[packages]]\n[[packages.numa_nodes]]\nindex = 0\nmemory = 1024\nl3 = [{ cores = ["0", "1"] }]',
        'm.toml',
      ),
    )
    expect(topologyTree(topology).split('\n')).to.deep.equal([
      'Machine (1.00 KiB)',
      '└── Package (1.00 KiB)',
      '    ├── NUMANode (#0 1.00 KiB)',
      '    └── PU #0 + PU #1',
    ])
  })

  it('several NUMA nodes in a package are groups, one over all packages belongs to the machine', async () => {
    const nodes = [0, 1].map(at => ({ bytes: 64 * GIB, l3s: l3Row(2, 2, 16 * MIB, at * 4) }))
    expect(await tree({ memoryBytes: 128 * GIB, packages: [{ model: 'NPS2', nodes }] })).to.deep.equal([
      'Machine (128.00 GiB)',
      '└── Package (128.00 GiB) (NPS2)',
      '    ├── Group #0',
      '    │   ├── NUMANode (#0 64.00 GiB)',
      '    │   ├── L3 (#0 16 MiB)',
      '    │   │   └── PU #0 + PU #1',
      '    │   └── L3 (#1 16 MiB)',
      '    │       └── PU #2 + PU #3',
      '    └── Group #1',
      '        ├── NUMANode (#1 64.00 GiB)',
      '        ├── L3 (#2 16 MiB)',
      '        │   └── PU #4 + PU #5',
      '        └── L3 (#3 16 MiB)',
      '            └── PU #6 + PU #7',
    ])
    await kernel!.remove()
    expect((await tree({ ...TWO_EPYCS, withoutNodes: true })).slice(0, 3)).to.deep.equal([
      'Machine (503.55 GiB)',
      '├── NUMANode (#0 503.55 GiB)',
      '├── Package (251.78 GiB) (*** *** *** 32-Core Processor)',
    ])
  })

  it('a description tells its mistakes with their line', () => {
    const problems = (text: string): string => {
      try {
        loadMachine(parseToml(text, 'm.toml'))
      } catch (error) {
        if (error instanceof ConfigError) return error.message
        throw error
      }
      return 'none'
    }
    expect(problems(DESCRIBED.replace('"503.55GiB"', '"much"'))).to.contain('m.toml:3: memory.total: expected a size')
    expect(problems(DESCRIBED.replace('["4"', '["4-2"'))).to.match(
      /m\.toml:\d+: packages\[0\].*expected a list of proc/,
    )
    expect(problems(DESCRIBED.replace('["4"', '["3"'))).to.contain('processor 3 is in more than one core')
  })

  it('a description written from a machine reads back as that machine', () => {
    const machine = described()
    const again = loadMachine({ name: 'm.json', value: machineFile(machine), lineOf: () => undefined })
    expect(again).to.deep.equal(machine)
  })
})
