import { join } from 'node:path'
import { parseCpuList } from './cpu-list.js'
import { readCpuinfo } from './cpuinfo.js'
import { KERNEL_ROOTS, type KernelRoots, numberedIn, parseMeminfo, readNumber, readValue } from './kernel-files.js'
import type { Cache, CpuPackage, L3Group, NumaNode, Pu, Topology } from './topology.js'

/** A processor as the kernel describes it. */
interface Cpu {
  readonly index: number
  readonly packageId: number
  /** The lowest processor of its core: names the core. */
  readonly coreOf: number
  readonly caches: readonly CpuCache[]
}

interface CpuCache {
  readonly level: number
  readonly sizeBytes: number
  readonly sharedWith: readonly number[]
}

interface MemoryNode {
  readonly index: number
  readonly memoryBytes: number
  readonly cpus: ReadonlySet<number>
}

/**
 * Processors that are online, their packages, NUMA nodes and caches, from sysfs; what it does not show comes from `/proc/cpuinfo`.
 * Without a NUMA directory the whole machine is node 0. Throws when there is no processor to be found.
 */
export async function readTopology(options: Partial<KernelRoots> = {}): Promise<Topology> {
  const { sysRoot, procRoot } = { ...KERNEL_ROOTS, ...options }
  const cpuinfo = await readCpuinfo(procRoot)
  const cpus = await readCpus(join(sysRoot, 'devices/system/cpu'), cpuinfo.cpus)
  if (cpus.length === 0) {
    throw new Error(`no processors found: neither ${sysRoot}/devices/system/cpu nor ${procRoot}/cpuinfo tells of any`)
  }
  const memoryBytes = parseMeminfo((await readValue(join(procRoot, 'meminfo'))) ?? '').get('MemTotal') ?? 0
  const nodes = await readNodes(join(sysRoot, 'devices/system/node'), cpus, memoryBytes)
  const order = inTreeOrder(cpus, nodes)
  const pus = numberCores(order)
  const caches = collectCaches(order)
  const packages = [...new Set(order.map(cpu => cpu.packageId))].map((id, index): CpuPackage => {
    const members = order.filter(cpu => cpu.packageId === id)
    return { index, model: modelOf(members, cpuinfo), numaNodes: nodesOf(members, nodes, pus, caches) }
  })
  const named = packages.some(({ model }) => model !== '')
  return {
    memoryBytes: memoryBytes || nodes.reduce((sum, node) => sum + node.memoryBytes, 0),
    ...(named || cpuinfo.machine === '' ? {} : { model: cpuinfo.machine }),
    packages,
    caches,
  }
}

type Cpuinfo = Awaited<ReturnType<typeof readCpuinfo>>

const modelOf = (members: readonly Cpu[], cpuinfo: Cpuinfo): string =>
  members.map(cpu => cpuinfo.cpus.get(cpu.index)?.model ?? '').find(model => model !== '') ?? ''

async function readCpus(root: string, fallback: Cpuinfo['cpus']): Promise<Cpu[]> {
  const listed = await readValue(join(root, 'online'))
  const present = await numberedIn(root, 'cpu')
  const online = listed === undefined ? present : parseCpuList(listed)
  const cpus: Cpu[] = []
  // One processor after another: some thousand files at once would be too many open ones.
  for (const index of online.length > 0 ? online : [...fallback.keys()]) {
    if ((await readNumber(join(root, `cpu${index}`, 'online'))) === 0) continue
    cpus.push(await readCpu(join(root, `cpu${index}`), index, fallback))
  }
  return cpus
}

async function readCpu(directory: string, index: number, fallback: Cpuinfo['cpus']): Promise<Cpu> {
  const topology = join(directory, 'topology')
  const siblings =
    (await readValue(join(topology, 'core_cpus_list'))) ?? (await readValue(join(topology, 'thread_siblings_list')))
  const packageId = await readNumber(join(topology, 'physical_package_id'))
  return {
    index,
    packageId: packageId ?? fallback.get(index)?.packageId ?? 0,
    coreOf: siblings ? parseCpuList(siblings)[0]! : (fallback.get(index)?.coreOf ?? index),
    caches: await readCaches(join(directory, 'cache')),
  }
}

async function readCaches(directory: string): Promise<CpuCache[]> {
  const found: CpuCache[] = []
  for (const index of await numberedIn(directory, 'index')) {
    const at = (name: string): string => join(directory, `index${index}`, name)
    const [level, type, size, shared] = await Promise.all([
      readNumber(at('level')),
      readValue(at('type')),
      readValue(at('size')),
      readValue(at('shared_cpu_list')),
    ])
    if (level === undefined || type === 'Instruction' || !shared) continue
    found.push({ level, sizeBytes: cacheBytes(size), sharedWith: parseCpuList(shared) })
  }
  return found
}

/** `16384K`; some virtual machines leave it out. */
function cacheBytes(text = ''): number {
  const match = /^(\d+)([KMG]?)$/.exec(text)
  return match ? Number(match[1]) * 1024 ** ['', 'K', 'M', 'G'].indexOf(match[2]!) : 0
}

async function readNodes(root: string, cpus: readonly Cpu[], memoryBytes: number): Promise<MemoryNode[]> {
  const nodes: MemoryNode[] = []
  for (const index of await numberedIn(root, 'node')) {
    const directory = join(root, `node${index}`)
    const meminfo = parseMeminfo((await readValue(join(directory, 'meminfo'))) ?? '')
    const members = parseCpuList((await readValue(join(directory, 'cpulist'))) ?? '')
    nodes.push({ index, memoryBytes: meminfo.get('MemTotal') ?? 0, cpus: new Set(members) })
  }
  const placed = nodes.filter(node => cpus.some(cpu => node.cpus.has(cpu.index)))
  if (placed.length === 0) return [{ index: 0, memoryBytes, cpus: new Set(cpus.map(cpu => cpu.index)) }]
  const rest = cpus.filter(cpu => !placed.some(node => node.cpus.has(cpu.index)))
  if (rest.length === 0) return placed
  const [first, ...others] = placed
  return [{ ...first!, cpus: new Set([...first!.cpus, ...rest.map(cpu => cpu.index)]) }, ...others]
}

/** By package, NUMA node, cache from the largest down, core: processors that share more stand closer. */
function inTreeOrder(cpus: readonly Cpu[], nodes: readonly MemoryNode[]): Cpu[] {
  const keys = new Map(
    cpus.map(cpu => {
      const first = Math.min(...cpus.filter(other => other.packageId === cpu.packageId).map(other => other.index))
      const caches = [...cpu.caches].sort((a, b) => b.level - a.level).map(cache => cache.sharedWith[0]!)
      return [
        cpu,
        [first, nodes.findIndex(node => node.cpus.has(cpu.index)), ...caches, cpu.coreOf, cpu.index],
      ] as const
    }),
  )
  return [...cpus].sort((a, b) => {
    const [left, right] = [keys.get(a)!, keys.get(b)!]
    const at = left.findIndex((key, position) => key !== right[position])
    return at < 0 ? 0 : left[at]! - (right[at] ?? -1)
  })
}

function numberCores(order: readonly Cpu[]): ReadonlyMap<number, Pu> {
  const cores = [...new Set(order.map(cpu => cpu.coreOf))]
  const numbers = new Map(cores.map((coreOf, core) => [coreOf, core]))
  return new Map(order.map(({ index, coreOf }) => [index, { index, core: numbers.get(coreOf)! }]))
}

/** Each cache once, with the processors that are online, numbered within its level as the tree goes. */
function collectCaches(order: readonly Cpu[]): Cache[] {
  const online = new Set(order.map(cpu => cpu.index))
  const found = new Map<string, Cache>()
  const counts = new Map<number, number>()
  for (const cache of order.flatMap(cpu => cpu.caches)) {
    const key = `${cache.level}:${cache.sharedWith.join(',')}`
    if (found.has(key)) continue
    const index = counts.get(cache.level) ?? 0
    counts.set(cache.level, index + 1)
    const pus = cache.sharedWith.filter(cpu => online.has(cpu))
    found.set(key, { level: cache.level, index, sizeBytes: cache.sizeBytes, pus })
  }
  return [...found.values()].sort((a, b) => b.level - a.level || a.index - b.index)
}

/** The NUMA nodes that a package's processors are on; the memory of a node with several packages is shared out by processors. */
function nodesOf(
  members: readonly Cpu[],
  nodes: readonly MemoryNode[],
  pus: ReadonlyMap<number, Pu>,
  caches: readonly Cache[],
): NumaNode[] {
  return nodes.flatMap(node => {
    const here = members.filter(cpu => node.cpus.has(cpu.index)).map(cpu => pus.get(cpu.index)!)
    if (here.length === 0) return []
    const all = [...node.cpus].filter(cpu => pus.has(cpu)).length
    const memoryBytes = Math.round((node.memoryBytes * here.length) / all)
    return [{ index: node.index, memoryBytes, l3Groups: groupsOf(here, caches, node.index) }]
  })
}

function groupsOf(here: readonly Pu[], caches: readonly Cache[], node: number): L3Group[] {
  const l3s = caches.filter(cache => cache.level === 3)
  const groups = l3s.flatMap(({ index, sizeBytes, pus }) => {
    const members = here.filter(pu => pus.includes(pu.index))
    return members.length === 0 ? [] : [{ index, sizeBytes, pus: sorted(members) }]
  })
  const rest = here.filter(pu => !l3s.some(cache => cache.pus.includes(pu.index)))
  return rest.length === 0 ? groups : [...groups, { index: l3s.length + node, sizeBytes: 0, pus: sorted(rest) }]
}

const sorted = (pus: readonly Pu[]): Pu[] => [...pus].sort((a, b) => a.index - b.index)
