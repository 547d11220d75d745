/** What sealing a sector takes, by size. Bytes. */
export interface SectorDemand {
  readonly sectorSize: number
  /** Once in a worker, however many sectors it seals (the cache of the graph's parents). */
  readonly sharedMemoryBytes: number
  readonly memoryBytes: number
  readonly diskBytes: number
  /** Of window PoSt, which proves whole partitions whatever else goes on. */
  readonly windowPostMemoryBytes: number
  /** Sectors nobody seals for a living: a few threads show all there is to see. */
  readonly forTrials: boolean
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const FULL_SIZE = 32 * GIB

/** The operators' rule for 32 GiB; 64 GiB takes twice as much, but for the disk, where a whole TiB is what they count. */
const RULES: ReadonlyMap<number, SectorDemand> = new Map(
  [
    { sectorSize: FULL_SIZE, sharedMemoryBytes: 56 * GIB, memoryBytes: 64 * GIB, diskBytes: 520 * GIB },
    { sectorSize: 2 * FULL_SIZE, sharedMemoryBytes: 112 * GIB, memoryBytes: 128 * GIB, diskBytes: 1024 * GIB },
  ].map(rule => [rule.sectorSize, { ...rule, windowPostMemoryBytes: 120 * GIB, forTrials: false }]),
)

/** Least shares of a trial sector: the programs themselves, and the parameters they load. */
const LEAST = { shared: 256 * MIB, memory: 512 * MIB, disk: 64 * MIB }

/**
 * | sector | memory, once | memory each | disk each  |
 * |--------|--------------|-------------|------------|
 * | 32 GiB | 56 GiB       | 64 GiB      | 520 GiB    |
 * | 64 GiB | 112 GiB      | 128 GiB     | 1 TiB      |
 * | less   | the part of 32 GiB's that the sector is of 32 GiB, but no less than 256 MiB, 512 MiB and 64 MiB |
 */
export function demandOf(sectorSize: number): SectorDemand {
  const rule = RULES.get(sectorSize)
  if (rule !== undefined) return rule
  const full = RULES.get(FULL_SIZE)!
  const part = (bytes: number): number => Math.ceil((bytes * sectorSize) / FULL_SIZE)
  return {
    sectorSize,
    sharedMemoryBytes: Math.max(part(full.sharedMemoryBytes), LEAST.shared),
    memoryBytes: Math.max(part(full.memoryBytes), LEAST.memory),
    diskBytes: Math.max(part(full.diskBytes), LEAST.disk),
    windowPostMemoryBytes: Math.max(part(full.windowPostMemoryBytes), LEAST.memory),
    forTrials: true,
  }
}

/** Minutes that stages take. */
export interface StageMinutes {
  readonly treeD: number
  readonly pc1: number
  readonly pc2: number
  readonly c2: number
  /** From the pre-commit to the seed, the landing of the message included. */
  readonly seed: number
}

/** 32 GiB on an EPYC 7642 with an RTX 3080, as the documents of damocles give them. */
const MINUTES_WITH_GPU: StageMinutes = { treeD: 1, pc1: 177, pc2: 13, c2: 16, seed: 80 }
/** Without a GPU: measured by lotus-bench on a Ryzen 3700X (lotus issue 1475). */
const MINUTES_WITHOUT_GPU = { pc2: 244, c2: 96 }

/** Expected minutes; undefined for trial sectors, whose time is all start-up. Times grow with the size of the sector. */
export function expectedMinutes(
  sectorSize: number,
  gpu: { readonly pc2: boolean; readonly c2: boolean },
): StageMinutes | undefined {
  if (sectorSize < FULL_SIZE) return undefined
  const scale = sectorSize / FULL_SIZE
  const { treeD, pc1, seed } = MINUTES_WITH_GPU
  return {
    treeD: treeD * scale,
    pc1: pc1 * scale,
    pc2: (gpu.pc2 ? MINUTES_WITH_GPU : MINUTES_WITHOUT_GPU).pc2 * scale,
    c2: (gpu.c2 ? MINUTES_WITH_GPU : MINUTES_WITHOUT_GPU).c2 * scale,
    seed,
  }
}

/** Memory of a GPU under which the proof of full-size sectors is said to fail or to crawl. */
export const GPU_MEMORY_BYTES = { wdpost: 8.5 * GIB, c2: 10 * GIB, pc2: 5 * GIB } as const
