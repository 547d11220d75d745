import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { mountOf, readDisks } from '../../../../daemon/worker/hardware/disks.js'
import { fileSystemSpaces } from '../../../../daemon/worker/hardware/file-system-space.js'
import { readGpus } from '../../../../daemon/worker/hardware/gpus.js'
import { hwinfoText } from '../../../../daemon/worker/hardware/hwinfo-text.js'
import { readMachine } from '../../../../daemon/worker/hardware/machine.js'
import { readMemory } from '../../../../daemon/worker/hardware/memory.js'
import { FakeKernel, GIB, LAPTOP } from './fake-kernel.js'

const MIB = 1024 ** 2

const MOUNTS = `proc /proc proc rw 0 0
/dev/sda1 / ext4 rw 0 0
/dev/sda1 /bind ext4 rw 0 0
/dev/nvme0n1 /mnt/seal\\040fast xfs rw 0 0
nas:/export /mnt/nas nfs4 rw 0 0
/dev/mapper/vg-data /data xfs rw 0 0
tmpfs /run tmpfs rw 0 0`

const space = (gib: number) => ({ totalBytes: gib * GIB, usedBytes: 0, freeBytes: gib * GIB })

describe('devices of a machine', () => {
  let kernel: FakeKernel

  beforeEach(async () => {
    kernel = await FakeKernel.make(LAPTOP)
    await kernel.put('proc/self/mounts', MOUNTS)
    const block = join(kernel.dir, 'sys/class/block')
    await kernel.put('sys/devices/pci/sda/queue/rotational', 1)
    await kernel.put('sys/devices/pci/sda/sda1/partition', 1)
    await kernel.put('sys/devices/pci/nvme0n1/queue/rotational', 0)
    await kernel.put('sys/devices/virtual/dm-0/queue/rotational', 0)
    await mkdir(block, { recursive: true })
    await symlink('../../devices/pci/sda/sda1', join(block, 'sda1'))
    await symlink('../../devices/pci/nvme0n1', join(block, 'nvme0n1'))
    await symlink('../../devices/virtual/dm-0', join(block, 'dm-0'))
  })
  afterEach(() => kernel.remove())

  const resolveDevice = async (path: string): Promise<string> => (path === '/dev/mapper/vg-data' ? '/dev/dm-0' : path)
  const spaces = async (paths: readonly string[]) => new Map(paths.map(path => [path, space(100)]))

  it('disks: each device once, its kind from the whole disk, names as they are', async () => {
    const disks = await readDisks({ ...kernel.roots, resolveDevice, spaces })
    expect(disks.map(({ kind, device, mountPoint }) => [kind, device, mountPoint])).to.deep.equal([
      ['HDD', '/dev/sda1', '/'],
      ['SSD', '/dev/nvme0n1', '/mnt/seal fast'],
      ['SSD', '/dev/mapper/vg-data', '/data'],
    ])
  })

  it('disks: a file system that holds a store is told of whatever it is on', async () => {
    const disks = await readDisks({ ...kernel.roots, resolveDevice, spaces, holding: ['/mnt/nas/store/1'] })
    expect(disks.find(disk => disk.mountPoint === '/mnt/nas')).to.deep.include({ kind: 'other', filesystem: 'nfs4' })
    const all = await readDisks({ ...kernel.roots, resolveDevice, spaces, all: true })
    expect(all.map(disk => disk.mountPoint))
      .to.include('/mnt/nas')
      .and.not.include('/proc')
    expect(mountOf('/mnt/nasty', disks)?.mountPoint).to.equal('/')
  })

  it('disks: one that does not answer is shown without space', async () => {
    const hung = async (paths: readonly string[]) =>
      new Map(paths.filter(path => path !== '/data').map(path => [path, space(100)]))
    const machine = await readMachine({
      ...kernel.roots,
      resolveDevice,
      spaces: hung,
      nvidiaSmi: async () => undefined,
    })
    expect(hwinfoText(machine)).to.match(/│ \/data +│ xfs +│ does not answer +│/)
  })

  it('the space of file systems: a path that hangs is left out, those after it are asked anew', async () => {
    const asked: string[][] = []
    const killed: unknown[] = []
    const found = await fileSystemSpaces(['/a', '/hung', '/broken', '/b'], {
      deadlineMs: 20,
      spawnAsking: paths => {
        asked.push([...paths])
        const stdout = new PassThrough()
        stdout.write('\n')
        for (const path of paths) {
          if (path === '/hung') break
          stdout.write(path === '/broken' ? 'null\n' : '[10,4,5]\n')
        }
        const child = { stdout, kill: (signal: unknown) => killed.push(signal), unref: () => {} }
        return Object.assign(new EventEmitter(), child) as unknown as ChildProcess
      },
    })
    expect(asked).to.deep.equal([
      ['/a', '/hung', '/broken', '/b'],
      ['/broken', '/b'],
    ])
    expect(killed).to.deep.equal(['SIGKILL', 'SIGKILL'])
    expect([...found]).to.deep.equal(['/a', '/b'].map(path => [path, { totalBytes: 10, usedBytes: 4, freeBytes: 5 }]))
  })

  it('the space of file systems: of this machine', async () => {
    const found = await fileSystemSpaces(['/', '/there/is/nothing/here', kernel.dir], { deadlineMs: 15_000 })
    expect([...found.keys()]).to.deep.equal(['/', kernel.dir])
    expect(found.get('/')!.totalBytes).to.be.above(0)
    expect(found.get('/')!.freeBytes).to.be.at.most(found.get('/')!.totalBytes)
  })

  it('GPUs: by the tool, in the order of the bus', async () => {
    await kernel.put('sys/bus/pci/devices/0000:3b:00.0/numa_node', 1)
    await kernel.put('sys/bus/pci/devices/0000:01:00.0/numa_node', -1)
    const gpus = await readGpus({
      ...kernel.roots,
      nvidiaSmi: async () =>
        'NVIDIA GeForce RTX 3090, 24576, 00000000:3B:00.0\nNVIDIA GeForce RTX 3080, [N/A], 00000000:01:00.0\n',
    })
    expect(gpus).to.deep.equal([
      { name: 'NVIDIA GeForce RTX 3080', vendor: 'NVIDIA', memoryBytes: undefined, numaNode: undefined },
      { name: 'NVIDIA GeForce RTX 3090', vendor: 'NVIDIA', memoryBytes: 24_576 * MIB, numaNode: 1 },
    ])
  })

  it('GPUs: by the driver when the tool does not answer, and AMD cards', async () => {
    await kernel.put(
      'proc/driver/nvidia/gpus/0000:01:00.0/information',
      'Model: \t\t NVIDIA A4000\nIRQ:   \t\t 98\nBus Location: \t 0000:01:00.0',
    )
    await kernel.put('sys/class/drm/card0/device/vendor', '0x1002')
    await kernel.put('sys/class/drm/card0/device/device', '0x73bf')
    await kernel.put('sys/class/drm/card0/device/mem_info_vram_total', 16 * GIB)
    await kernel.put('sys/class/drm/card0-DP-1/status', 'connected')
    await kernel.put('sys/class/drm/card1/device/vendor', '0x10de')
    const gpus = await readGpus({ ...kernel.roots, nvidiaSmi: async () => undefined })
    expect(gpus.map(({ name, vendor, memoryBytes }) => [name, vendor, memoryBytes])).to.deep.equal([
      ['NVIDIA A4000', 'NVIDIA', undefined],
      ['AMD GPU 0x73bf', 'AMD', 16 * GIB],
    ])
  })

  it('memory: use, swap, and the limit of a container', async () => {
    expect(await readMemory(kernel.roots)).to.deep.equal({
      totalBytes: 16 * GIB,
      usedBytes: 4 * GIB,
      swapTotalBytes: GIB,
      swapUsedBytes: GIB / 4,
    })
    await kernel.put('sys/fs/cgroup/memory.max', 'max')
    expect((await readMemory(kernel.roots)).limitBytes).to.equal(undefined)
    await kernel.put('sys/fs/cgroup/memory.max', 2 * GIB)
    expect((await readMemory(kernel.roots)).limitBytes).to.equal(2 * GIB)
  })
})
