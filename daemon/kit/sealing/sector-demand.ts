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
export const GIB = 1024 ** 3
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
