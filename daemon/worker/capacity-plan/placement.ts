import { type NumaNode, numaNodes, type Topology } from '../hardware/topology.js'

/** PC1 tasks on the processors of one NUMA node. */
export interface Pc1Place {
  readonly node: number
  readonly concurrent: number
  readonly cpus: readonly number[]
  readonly l3s: number
  readonly coresPerL3: number
  /** Helpers of each PC1; 0: too few cores, one PC1 runs on one core. */
  readonly producers: number
}

/** Processors for the other stages. */
export interface OtherPlace {
  readonly cpus: readonly number[]
  /** undefined: on several nodes. */
  readonly node: number | undefined
}

export interface Placement {
  readonly pc1: readonly Pc1Place[]
  /** One for each wish, in their order; empty when there are too few cores to divide. */
  readonly others: readonly OtherPlace[]
}

export interface OtherWish {
  readonly weight: number
  /** The node that its GPU hangs on. */
  readonly node?: number | undefined
}

/** Cores of one PC1: itself, and the three helpers that fetch parents (the default of multicore SDR). */
export const CORES_PER_PC1 = 4
/** Share of the cores that PC1 may take; PC2, C2 and tree D need the rest. */
const PC1_SHARE = 0.75

/** A core: its processors. */
type Core = readonly number[]

interface NodeCores {
  readonly index: number
  readonly memoryBytes: number
  /** Cores by L3. */
  readonly l3s: readonly Core[][]
  /** Those that are as large as most: one with a core offline must not make all the others smaller. */
  readonly forPc1: readonly Core[][]
}

/**
 * PC1 gets whole L3 caches, else equally many cores of each (multicore SDR refuses anything else), never over two NUMA nodes; sectors are
 * spread over the nodes by what their memory and caches hold. The other stages share the cores that are left, near their GPU.
 */
export function placeWork(
  topology: Topology,
  pc1: number,
  memoryPerPc1: number,
  wishes: readonly OtherWish[],
): Placement {
  const nodes = numaNodes(topology).map(coresOf)
  const counts = spread(nodes, pc1, memoryPerPc1)
  const places = nodes.flatMap((node, at) => (counts[at]! > 0 ? [placePc1(node, counts[at]!)] : []))
  const taken = new Set(places.flatMap(place => place.cpus))
  const left = nodes.map(({ index, l3s }) => ({
    index,
    cores: l3s.flat().filter(core => !core.some(cpu => taken.has(cpu))),
  }))
  return { pc1: places, others: shareOut(left, wishes) }
}

/** How many PC1 the L3 caches hold at full speed. */
export const pc1Slots = (topology: Topology): number =>
  numaNodes(topology)
    .map(coresOf)
    .reduce((sum, node) => sum + slotsOf(node), 0)

function coresOf({ index, memoryBytes, l3Groups }: NumaNode): NodeCores {
  const l3s = l3Groups.map(({ pus }) => {
    const cores = new Map<number, number[]>()
    for (const { core, index: cpu } of pus) cores.set(core, [...(cores.get(core) ?? []), cpu])
    return [...cores.values()]
  })
  const usual = mostCommon(l3s.map(cores => cores.length))
  return { index, memoryBytes, l3s, forPc1: l3s.filter(cores => cores.length >= usual) }
}

/** Of equally common numbers the largest. */
function mostCommon(numbers: readonly number[]): number {
  const count = (number: number): number => numbers.filter(each => each === number).length
  return [...numbers].sort((a, b) => count(b) - count(a) || b - a)[0] ?? 0
}

const smallest = ({ forPc1 }: NodeCores): number => Math.min(...forPc1.map(cores => cores.length))
const slotsPerL3 = (node: NodeCores): number => Math.max(1, Math.floor(smallest(node) / CORES_PER_PC1))
const slotsOf = (node: NodeCores): number => slotsPerL3(node) * node.forPc1.length

/** One after the other to the node that is the least full for what it holds; of equals to the one with fewer. */
function spread(nodes: readonly NodeCores[], pc1: number, memoryPerPc1: number): number[] {
  const holds = nodes.map(node => {
    const byMemory = node.memoryBytes > 0 ? Math.max(1, Math.floor(node.memoryBytes / memoryPerPc1)) : 1
    return Math.min(byMemory, slotsOf(node))
  })
  const counts = nodes.map(() => 0)
  for (let sector = 0; sector < pc1; sector++) {
    const fill = counts.map((count, at) => (count + 1) / holds[at]!)
    const least = Math.min(...fill)
    const roomy = counts.flatMap((_, at) => (fill[at] === least ? [at] : []))
    counts[roomy.reduce((best, at) => (counts[at]! < counts[best]! ? at : best))]!++
  }
  return counts
}

function placePc1(node: NodeCores, concurrent: number): Pc1Place {
  const inL3 = smallest(node)
  const cores = node.l3s.reduce((sum, l3) => sum + l3.length, 0)
  const budget = Math.max(1, Math.floor(cores * PC1_SHARE))
  const l3s = Math.min(node.forPc1.length, Math.ceil(concurrent / slotsPerL3(node)), budget)
  const coresPerL3 = Math.max(1, Math.min(inL3, Math.floor(budget / l3s)))
  const perPc1 = Math.floor((l3s * coresPerL3) / concurrent)
  return {
    node: node.index,
    concurrent,
    cpus: node.forPc1.slice(0, l3s).flatMap(group => group.slice(0, coresPerL3).flat()),
    l3s,
    coresPerL3,
    producers: Math.max(0, Math.min(CORES_PER_PC1, perPc1) - 1),
  }
}

/** Cores by weight, from the wished node while it has enough, else from the one with the most. */
function shareOut(nodes: readonly { index: number; cores: Core[] }[], wishes: readonly OtherWish[]): OtherPlace[] {
  const total = nodes.reduce((sum, node) => sum + node.cores.length, 0)
  const weights = wishes.reduce((sum, wish) => sum + wish.weight, 0)
  if (total < wishes.length) return wishes.map(() => ({ cpus: [], node: undefined }))
  return wishes.map(wish => {
    let want = Math.max(1, Math.floor((total * wish.weight) / weights))
    const cpus: number[] = []
    const used = new Set<number>()
    while (want > 0) {
      const near = nodes.find(node => node.index === wish.node && node.cores.length > 0 && !used.has(node.index))
      const roomy = nodes.reduce((best, node) => (node.cores.length > best.cores.length ? node : best))
      const from = near ?? roomy
      if (from.cores.length === 0) break
      const got = from.cores.splice(0, want)
      used.add(from.index)
      want -= got.length
      cpus.push(...got.flat())
    }
    return { cpus, node: used.size === 1 ? [...used][0] : undefined }
  })
}
