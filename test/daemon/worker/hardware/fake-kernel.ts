import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { formatCpuList } from '../../../../daemon/worker/hardware/cpu-list.js'
import type { KernelRoots } from '../../../../daemon/worker/hardware/kernel-files.js'

const KIB = 1024
const MIB = 1024 ** 2
export const GIB = 1024 ** 3

/** Cores under one L3; each core is the list of its processors. */
export interface FakeL3 {
  /** 0: there is no L3. */
  readonly bytes: number
  readonly cores: readonly (readonly number[])[]
}

export interface FakeNode {
  readonly bytes: number
  readonly l3s: readonly FakeL3[]
}

export interface FakeMachine {
  readonly memoryBytes: number
  readonly packages: readonly { readonly model: string; readonly nodes: readonly FakeNode[] }[]
  readonly offline?: readonly number[]
  readonly withoutNodes?: boolean
  readonly withoutCpus?: boolean
}

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

/** L3s with `width` cores each from core `first` on; with `threads` > 0, core c has the processors c and c + threads. */
export const l3Row = (count: number, width: number, bytes: number, first: number, threads = 0): FakeL3[] =>
  range(count).map(at => ({
    bytes,
    cores: range(width).map(core => {
      const pu = first + at * width + core
      return threads > 0 ? [pu, pu + threads] : [pu]
    }),
  }))

/** 2 × 32 cores in L3s of four, a NUMA node a package. */
export const TWO_EPYCS: FakeMachine = {
  memoryBytes: 503.55 * GIB,
  packages: [251.57, 251.98].map((gib, at) => ({
    model: '*** *** *** 32-Core Processor',
    nodes: [{ bytes: gib * GIB, l3s: l3Row(8, 4, 16 * MIB, at * 32) }],
  })),
}

export const LAPTOP: FakeMachine = {
  memoryBytes: 16 * GIB,
  packages: [{ model: 'Laptop CPU', nodes: [{ bytes: 16 * GIB, l3s: l3Row(1, 4, 8 * MIB, 0, 4) }] }],
}

export const MACHINE_WITHOUT_L3: FakeMachine = {
  memoryBytes: 8 * GIB,
  packages: [0, 1].map(at => ({ model: 'Virtual CPU', nodes: [{ bytes: 4 * GIB, l3s: l3Row(1, 2, 0, at * 2) }] })),
}

/** A kernel's directories that describe a machine. */
export class FakeKernel {
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  static async make(machine: FakeMachine): Promise<FakeKernel> {
    const kernel = new FakeKernel(await mkdtemp(join(tmpdir(), 'sealyard-kernel-')))
    await kernel.#write(machine)
    return kernel
  }

  get roots(): KernelRoots {
    return { sysRoot: join(this.dir, 'sys'), procRoot: join(this.dir, 'proc') }
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true })
  }

  async put(path: string, text: string | number): Promise<void> {
    const file = join(this.dir, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, `${text}\n`)
  }

  async #write(machine: FakeMachine): Promise<void> {
    const offline = new Set(machine.offline)
    await this.put('proc/meminfo', meminfo('', machine.memoryBytes))
    const cpuinfo: string[] = []
    const online: number[] = []
    let node = 0
    for (const [id, { model, nodes }] of machine.packages.entries()) {
      for (const { bytes, l3s } of nodes) {
        for (const pu of l3s.flatMap(l3 => l3.cores.flat())) {
          if (offline.has(pu)) continue
          online.push(pu)
          const core = l3s.flatMap(l3 => l3.cores).find(pus => pus.includes(pu))!
          cpuinfo.push(
            `processor\t: ${pu}\nmodel name\t: ${model}\nphysical id\t: ${id}\ncore id\t\t: ${core[0]}\nflags\t\t: a b`,
          )
        }
        if (!machine.withoutCpus) await this.#writeCpus(id, l3s, offline)
        if (!machine.withoutNodes) {
          const pus = l3s.flatMap(l3 => l3.cores.flat()).filter(pu => !offline.has(pu))
          await this.put(`sys/devices/system/node/node${node}/cpulist`, formatCpuList(pus))
          await this.put(`sys/devices/system/node/node${node}/meminfo`, meminfo(`Node ${node} `, bytes))
        }
        node++
      }
    }
    await this.put('proc/cpuinfo', cpuinfo.join('\n\n'))
    if (!machine.withoutCpus) await this.put('sys/devices/system/cpu/online', formatCpuList(online))
  }

  async #writeCpus(packageId: number, l3s: readonly FakeL3[], offline: ReadonlySet<number>): Promise<void> {
    for (const { bytes, cores } of l3s) {
      for (const core of cores) {
        for (const pu of core) {
          const at = `sys/devices/system/cpu/cpu${pu}`
          if (offline.has(pu)) {
            await this.put(`${at}/online`, 0)
            continue
          }
          await this.put(`${at}/topology/physical_package_id`, packageId)
          await this.put(`${at}/topology/core_id`, core[0]!)
          await this.put(`${at}/topology/thread_siblings_list`, formatCpuList(core.filter(each => !offline.has(each))))
          const caches = [
            [1, 'Data', 32 * KIB, core],
            [1, 'Instruction', 32 * KIB, core],
            [2, 'Unified', 512 * KIB, core],
            ...(bytes > 0 ? [[3, 'Unified', bytes, cores.flat()] as const] : []),
          ] as const
          for (const [index, [level, type, size, pus]] of caches.entries()) {
            const cache = `${at}/cache/index${index}`
            await this.put(`${cache}/level`, level)
            await this.put(`${cache}/type`, type)
            await this.put(`${cache}/size`, `${size / KIB}K`)
            await this.put(`${cache}/shared_cpu_list`, formatCpuList(pus.filter(each => !offline.has(each))))
          }
        }
      }
    }
  }
}

const meminfo = (prefix: string, bytes: number): string =>
  [
    `${prefix}MemTotal:       ${Math.round(bytes / KIB)} kB`,
    `${prefix}MemFree:        ${Math.round(bytes / KIB / 2)} kB`,
    ...(prefix === '' ? [`MemAvailable:   ${Math.round((bytes / KIB) * 0.75)} kB`] : []),
    ...(prefix === '' ? [`SwapTotal:      ${MIB} kB`, `SwapFree:       ${(MIB / 4) * 3} kB`] : []),
  ].join('\n')
