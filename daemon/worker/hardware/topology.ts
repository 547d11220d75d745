/** One logical processor (what a cpuset counts). */
export interface Pu {
  /** As the operating system numbers it. */
  readonly index: number
  /** Physical core, unique in the machine. */
  readonly core: number
}

/** Processors that share one L3 cache. */
export interface L3Group {
  readonly index: number
  readonly sizeBytes: number
  readonly pus: readonly Pu[]
}

export interface NumaNode {
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

/** The processors of a machine, as far as placing work on them needs it. */
export interface Topology {
  readonly memoryBytes: number
  readonly packages: readonly CpuPackage[]
}

export const numaNodes = (topology: Topology): NumaNode[] => topology.packages.flatMap(each => [...each.numaNodes])
export const l3Groups = (topology: Topology): L3Group[] => numaNodes(topology).flatMap(node => [...node.l3Groups])
