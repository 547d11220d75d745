import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { formatCpuList, parseCpuList } from '../../../../../daemon/worker/hardware/cpu-list.js'
import {
  cpusetHierarchies,
  makeCpusetGroup,
  removeGroup,
} from '../../../../../daemon/worker/processors/placement/cpuset-hierarchy.js'
import { findProgram } from '../../../../../daemon/worker/processors/placement/program-path.js'
import { OpenProcessors, play, rememberingLog, scripted } from '../scripted.js'
import { cgroupTree } from './cgroup-tree.js'
import { machine } from './machines.js'

const ALLOWED = /^Cpus_allowed_list:\s*(.*)$/m

describe('placement of children', () => {
  const open = new OpenProcessors()
  const topology = async () => machine(2, 2, 8)
  let directory: string
  /** One processor that this machine lets us use. */
  let cpu: string

  before(async () => {
    const allowed = ALLOWED.exec(await readFile('/proc/self/status', 'utf8'))![1]!
    cpu = formatCpuList([parseCpuList(allowed).at(-1)!])
  })

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-placement-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  /** A program that notes how it was called, then does what it was asked to start. */
  async function tool(name: string): Promise<void> {
    const file = path.join(directory, name)
    await writeFile(
      file,
      `#!/bin/sh\necho "${name} $1 $2" >> "${directory}/calls"\n[ "$1" = -c ] && shift\nshift\nexec "$@"\n`,
    )
    await chmod(file, 0o755)
  }

  const calls = async (): Promise<string[]> => [
    ...new Set((await readFile(path.join(directory, 'calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean)),
  ]

  const placed = (cpuset: string | undefined, numaPreferred?: number) =>
    scripted({ cgroup: { groupName: 'vc-worker', cpuset }, numaPreferred })

  for (const version of [1, 2] as const) {
    it(`S004-80: a foreign program is in its cgroup v${version} before it starts, under its own process id`, async () => {
      const { procRoot, mount } = await cgroupTree(directory, version, '/yard')
      const { log, lines } = rememberingLog()
      const processors = open.create(
        { children: { c2: [placed('4-5'), placed('8-11,24-27')] } },
        { procRoot, log, toolPath: directory, topology },
      )
      await processors.ready()
      const names = await readdir(path.join(mount, 'yard/vc-worker'))
      expect(names.filter(name => name.startsWith('sub-'))).to.deep.equal([
        `sub-c2-${process.pid}-0`,
        `sub-c2-${process.pid}-1`,
      ])
      const pids = new Set<string>()
      for (const [index, cpuset] of ['4-5', '8-11,24-27'].entries()) {
        const group = path.join(mount, `yard/vc-worker/sub-c2-${process.pid}-${index}`)
        expect(await readFile(path.join(group, 'cpuset.cpus'), 'utf8')).to.equal(cpuset)
        pids.add((await readFile(path.join(group, 'cgroup.procs'), 'utf8')).trim())
      }
      const shown = String(await play(processors, { do: 'pid' }))
      expect([...pids]).to.include(shown)
      const warnings = lines.filter(line => line.level >= 40).map(line => line.msg)
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.contain('processors.c2[1].cgroup.cpuset: "8-11,24-27" crosses the NUMA nodes 0-1')
    })
  }

  it('S004-80: without cgroups the child is bound by affinity, with a warning', async function () {
    if ((await findProgram('taskset')) === undefined) this.skip()
    const { log, lines } = rememberingLog()
    const processors = open.create(
      { children: { c2: [placed(cpu), placed(cpu)] } },
      { procRoot: path.join(directory, 'nothing'), log },
    )
    expect(ALLOWED.exec(String(await play(processors, { do: 'status' })))?.[1]).to.equal(cpu)
    const warnings = lines.filter(line => line.level === 40).map(line => line.msg)
    expect(warnings).to.deep.equal(['cgroups cannot be used: children are bound to their processors by affinity'])
  })

  it('S004-80: where joining the group is refused, the affinity has to do', async function () {
    if ((await findProgram('taskset')) === undefined) this.skip()
    const { procRoot, mount } = await cgroupTree(directory, 1)
    await mkdir(path.join(mount, `vc-worker/sub-c2-${process.pid}-0/cgroup.procs`), { recursive: true })
    const { log, lines } = rememberingLog()
    const processors = open.create({ children: { c2: [placed(cpu)] } }, { procRoot, log })
    expect(ALLOWED.exec(String(await play(processors, { do: 'status' })))?.[1]).to.equal(cpu)
    expect(lines.map(line => line.msg).join('\n')).to.match(
      /cannot join the cgroup of .*: processors are set by affinity/,
    )
  })

  it('S004-80: in a real cgroup of this machine, which is removed with the child', async function () {
    const trial = `vc-trial-${process.pid}`
    const [hierarchy] = await cpusetHierarchies()
    const group = hierarchy && (await makeCpusetGroup(hierarchy, trial, cpu).catch(() => undefined))
    if (group === undefined) this.skip()
    await removeGroup(group)

    const { log, lines } = rememberingLog()
    const processors = open.create({ children: { c2: [placed(cpu)] } }, { log })
    const status = String(await play(processors, { do: 'status' }))
    expect(ALLOWED.exec(status)?.[1]).to.equal(cpu)
    expect(status).to.contain(`/vc-worker/sub-c2-${process.pid}-0`)
    await processors.close()
    const made = path.join(hierarchy!.base, 'vc-worker', `sub-c2-${process.pid}-0`)
    expect(await readdir(made).catch(error => error.code)).to.equal('ENOENT')
    expect(lines.filter(line => line.level >= 40)).to.deep.equal([])
  })

  it('S004-79: numa_preferred goes through numactl, which the program need not know of', async () => {
    await tool('numactl')
    const processors = open.create({ children: { c2: [placed(undefined, 1)] } }, { toolPath: directory, topology })
    await processors.ready()
    expect(await calls()).to.include(`numactl --preferred=1 ${process.execPath}`)
  })

  it('S004-79: says what to install when there is no numactl, and starts the child all the same', async () => {
    const { log, lines } = rememberingLog()
    const processors = open.create({ children: { c2: [placed(undefined, 1)] } }, { toolPath: directory, topology, log })
    expect(await play(processors, { do: 'echo', value: 'up' })).to.equal('up')
    expect(lines.map(line => line.msg).join('\n')).to.contain('(package numactl)')
  })

  it('uses no tool that does not work here', async () => {
    await writeFile(path.join(directory, 'numactl'), '#!/bin/sh\necho "node argument is out of range" >&2\nexit 1\n')
    await chmod(path.join(directory, 'numactl'), 0o755)
    const { log, lines } = rememberingLog()
    const processors = open.create({ children: { c2: [placed(undefined, 1)] } }, { toolPath: directory, topology, log })
    expect(await play(processors, { do: 'echo', value: 'up' })).to.equal('up')
    expect(lines.map(line => line.msg)).to.include('numactl does not work here')
  })

  it('S004-80: processors that the machine lacks are an error before anything is started', async () => {
    const { log, lines } = rememberingLog()
    const processors = open.create({ children: { c2: [placed('0-99')] } }, { topology, log })
    const error = await processors.ready().catch(failure => failure)
    expect(error.message).to.match(/^processors\.c2\[0\]\.cgroup\.cpuset: "0-99" names processors .* not have: 32-99/)
    expect(lines.map(line => line.msg)).to.not.include('processor ready')
  })

  it('warns, and starts, when the machine cannot be read', async () => {
    const { log, lines } = rememberingLog()
    const unreadable = () => Promise.reject(new Error('no sysfs'))
    const processors = open.create({ children: { c2: [placed(cpu)] } }, { topology: unreadable, log })
    await processors.ready()
    expect(lines.some(line => line.level === 40 && line.reason === 'no sysfs')).to.equal(true)
  })

  it('tells a program that is missing as such, not as a failure of its launcher', async () => {
    const missing = { ...placed(cpu), bin: '/no/such/program' }
    const error = await open
      .create({ children: { c2: [missing] } })
      .ready()
      .catch(failure => failure)
    expect(error.message).to.equal('cannot start the c2 processor /no/such/program')
  })

  it('passes arguments on as they are, whatever is in them', async function () {
    if ((await findProgram('taskset')) === undefined) this.skip()
    const child = placed(cpu)
    const words = ['$(touch /tmp/x)', "it's", '"quoted"', '; exit 1', '*', 'two words', '']
    const processors = open.create({ children: { c2: [{ ...child, args: [...child.args!, ...words] }] } })
    expect(await play(processors, { do: 'argv' })).to.deep.equal([...child.args!.slice(1), ...words])
  })
})
