import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import {
  cpusetHierarchies,
  makeCpusetGroup,
  removeGroup,
} from '../../../../../daemon/worker/processors/placement/cpuset-hierarchy.js'
import { cgroupTree } from './cgroup-tree.js'

describe('cpuset hierarchies', () => {
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-cgroup-'))
  })

  afterEach(() => rm(directory, { recursive: true, force: true }))

  const content = async (...at: string[]): Promise<string> => (await readFile(path.join(...at), 'utf8')).trim()

  for (const version of [1, 2] as const) {
    it(`finds the worker's own group before the top, in cgroup v${version}`, async () => {
      const { procRoot, mount } = await cgroupTree(directory, version, '/yard/worker')
      expect(await cpusetHierarchies(procRoot)).to.deep.equal([
        { version, base: path.join(mount, 'yard/worker') },
        { version, base: path.join(mount, '/') },
      ])
    })
  }

  it('prefers v1 where both are mounted, and sees only the part of a container', async () => {
    await mkdir(path.join(directory, 'self'))
    const mountinfo = [
      '41 31 0:38 /docker/abc /unified rw - cgroup2 cgroup2 rw',
      '34 31 0:31 /docker/abc /v1 rw master:8 - cgroup cgroup rw,cpuset,cpu',
    ]
    await writeFile(path.join(directory, 'self', 'mountinfo'), mountinfo.join('\n'))
    await writeFile(path.join(directory, 'self', 'cgroup'), '3:cpuset,cpu:/docker/abc/job\n0::/docker/abc\n')
    expect(await cpusetHierarchies(directory)).to.deep.equal([
      { version: 1, base: '/v1/job' },
      { version: 1, base: '/v1/' },
      { version: 2, base: '/unified/' },
    ])
  })

  it('finds none where the kernel tells of none', async () => {
    expect(await cpusetHierarchies(path.join(directory, 'nothing'))).to.deep.equal([])
  })

  it('S004-80: v1: gives the group memory and processors, from the group above where it has none', async () => {
    const { mount } = await cgroupTree(directory, 1)
    const group = await makeCpusetGroup({ version: 1, base: mount }, 'vc-worker/sub-pc1-7-0', '4-5')
    expect(group).to.equal(path.join(mount, 'vc-worker/sub-pc1-7-0'))
    expect(await content(mount, 'vc-worker/cpuset.cpus')).to.equal('0-15')
    expect(await content(group, 'cpuset.cpus')).to.equal('4-5')
    expect(await content(group, 'cpuset.mems')).to.equal('0-1')
    await makeCpusetGroup({ version: 1, base: mount }, 'vc-worker/sub-pc1-7-0', '6-7')
    expect(await content(group, 'cpuset.cpus'), 'a group that is there already').to.equal('6-7')
  })

  it('S004-80: v2: hands the controller down and gives the group its processors', async () => {
    const { mount } = await cgroupTree(directory, 2)
    const group = await makeCpusetGroup({ version: 2, base: mount }, 'vc-worker/sub-pc1-7-0', '8-11,24-27')
    expect(await content(mount, 'cgroup.subtree_control')).to.equal('+cpuset')
    expect(await content(mount, 'vc-worker/cgroup.subtree_control')).to.equal('+cpuset')
    expect(await content(group, 'cpuset.cpus')).to.equal('8-11,24-27')
  })

  it('v2: makes nothing where the controller is not to be had', async () => {
    const { mount } = await cgroupTree(directory, 2)
    await writeFile(path.join(mount, 'cgroup.controllers'), 'cpu io memory\n')
    const making = makeCpusetGroup({ version: 2, base: mount }, 'other/sub', '0')
    expect((await making.catch(error => error)).message).to.equal(`${mount} has no cpuset controller`)
    expect(await readdir(mount)).to.not.include('other')
  })

  it('never leaves the hierarchy, whatever the name of the group', async () => {
    const { mount } = await cgroupTree(directory, 1)
    expect(await makeCpusetGroup({ version: 1, base: mount }, '../../x/./sub', '0')).to.equal(path.join(mount, 'x/sub'))
  })

  it('removes a group that is empty or gone, and tells when one is in use', async () => {
    const group = path.join(directory, 'group')
    await mkdir(path.join(group, 'inner'), { recursive: true })
    expect(await removeGroup(group)).to.equal(false)
    expect(await removeGroup(path.join(group, 'inner'))).to.equal(true)
    expect(await removeGroup(group)).to.equal(true)
    expect(await removeGroup(group)).to.equal(true)
  })
})
