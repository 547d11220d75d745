/** One logical processor (what a cpuset counts). */
export interface Pu {
  /** As the operating system numbers it. */
  readonly index: number
  /** Physical core, unique in the machine. */
  readonly core: number
}

/** Processors that share one L3 cache. Where there is no L3, the processors of a NUMA node make one group. */
export interface L3Group {
  readonly index: number
  /** 0 when there is no L3. */
  readonly sizeBytes: number
  readonly pus: readonly Pu[]
}

export interface NumaNode {
  /** As the operating system numbers it (what `numa_preferred` counts). */
  readonly index: number
  readonly memoryBytes: number
  readonly l3Groups: readonly L3Group[]
}

export interface CpuPackage {
  readonly index: number
  /** As the kernel tells it (`AMD EPYC 7642 48-Core Processor`); empty when unknown. */
  readonly model: string
  readonly numaNodes: readonly NumaNode[]
}

/** A data or unified cache and the processors that share it. */
export interface Cache {
  readonly level: number
  /** Counted within its level. */
  readonly index: number
  readonly sizeBytes: number
  /** Numbers of the processors. */
  readonly pus: readonly number[]
}

/** The processors of a machine, as far as placing work on them needs it. */
export interface Topology {
  readonly memoryBytes: number
  /** What the machine is called where its packages have no name of their own. */
  readonly model?: string
  readonly packages: readonly CpuPackage[]
  /** Caches of every level, for showing; absent when only what placing needs is known. */
  readonly caches?: readonly Cache[]
}

/** A node that holds processors of several packages is listed in each of them; here it is one. */
export function numaNodes(topology: Topology): NumaNode[] {
  const nodes = new Map<number, NumaNode>()
  for (const node of topology.packages.flatMap(each => each.numaNodes)) {
    const known = nodes.get(node.index)
    nodes.set(node.index, {
      ...node,
      memoryBytes: (known?.memoryBytes ?? 0) + node.memoryBytes,
      l3Groups: mergeGroups([...(known?.l3Groups ?? []), ...node.l3Groups]),
    })
  }
  return [...nodes.values()]
}

/** A cache that reaches over several NUMA nodes is listed in each of them; here it is one. */
export const l3Groups = (topology: Topology): L3Group[] =>
  mergeGroups(topology.packages.flatMap(each => each.numaNodes).flatMap(node => node.l3Groups))

function mergeGroups(groups: readonly L3Group[]): L3Group[] {
  const merged = new Map<number, L3Group>()
  for (const group of groups) {
    merged.set(group.index, { ...group, pus: [...(merged.get(group.index)?.pus ?? []), ...group.pus] })
  }
  return [...merged.values()]
}

export const pusOf = (topology: Topology): Pu[] => l3Groups(topology).flatMap(group => [...group.pus])
